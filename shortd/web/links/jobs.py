"""Work on so many links that a page shows how far it is, and lets it be stopped.

It lives in this process: a restart ends it, and what was done until then stays done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from secrets import token_hex

import structlog
from litestar import Response

from shortd import errors
from shortd.links.bulk import Outcome
from shortd.models.accounts import Account
from shortd.web import session
from shortd.web.guard import act, show
from shortd.web.links.saying import told
from shortd.web.messages import Message
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest

KEPT = 50
"""Jobs that are known of, the newest, of all accounts."""

Progress = Callable[[int], bool]
Work = Callable[[Progress], Awaitable[Outcome]]

log = structlog.get_logger(__name__)


class Job:
    """Work under way, or done."""

    def __init__(self, userid: str, total: int, back: str) -> None:
        self.id = token_hex(8)
        self.userid = userid
        self.total = total
        self.back = back
        """Where the list is that it was started from."""
        self.done = 0
        self.stopped = False
        self.outcome: Outcome | None = None
        self.fault: errors.ShortdError | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        return self.task is not None and self.task.done()

    def progress(self, done: int) -> bool:
        self.done = done
        return not self.stopped

    async def run(self, work: Work) -> None:
        try:
            self.outcome = await work(self.progress)
        except errors.ShortdError as refusal:
            self.fault = refusal
        except Exception:
            log.exception("bulk_failed")
            self.fault = errors.INTERNAL()


class Jobs:
    """Those of a server."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def start(self, account: Account, total: int, work: Work, back: str) -> Job:
        """BUSY while the account has one under way, or too many have."""
        running = [job for job in self._jobs.values() if not job.is_over]
        if len(running) >= KEPT or any(job.userid == account.userid for job in running):
            raise errors.BUSY("Something else is still being done to many links.")
        for old in list(self._jobs.values())[: max(0, len(self._jobs) - KEPT + 1)]:
            if old.is_over:
                del self._jobs[old.id]
        job = Job(account.userid, total, back)
        self._jobs[job.id] = job
        job.task = asyncio.ensure_future(job.run(work))
        return job

    def get(self, account: Account, job_id: str) -> Job:
        """NOT_FOUND for none of the account's."""
        job = self._jobs.get(job_id)
        if job is None or job.userid != account.userid:
            raise errors.NOT_FOUND()
        return job


def of(request: AnyRequest) -> Jobs:
    """Those of this server."""
    jobs: Jobs = request.app.state.jobs
    return jobs


@show("/-/links/bulk/{job:str}")
async def progress(request: AnyRequest) -> Response[bytes]:
    """How far it is; the list once it is done."""
    job = of(request).get(session.needed(request).account, request.path_params["job"])
    if not job.is_over:
        answer = page(request, "dashboard/progress.html", job)
        answer.headers["Refresh"] = "1"
        return answer
    if job.outcome is None:
        fault = job.fault or errors.INTERNAL()
        said = fault.said(language_of(request).gettext)
        return see(request, job.back, Message(said, kind="bad"))
    return see(request, job.back, told(request, job.outcome))


@act("/-/links/bulk/{job:str}/stop", status_code=303)
async def stop(request: AnyRequest) -> Response[bytes]:
    """Leaves the rest alone. What is done already is done, and can be undone."""
    job = of(request).get(session.needed(request).account, request.path_params["job"])
    job.stopped = True
    return see(request, f"/-/links/bulk/{job.id}")


HANDLERS = (progress, stop)
