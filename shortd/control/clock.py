"""What the operator says of the time."""

from __future__ import annotations

from shortd.clock import utc_text
from shortd.control.noted import noted
from shortd.control.registry import Args, act
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.services import Services


@act("clock believe")
async def clock_believe(services: Services, args: Args) -> Rows:
    async with noted(services, Action.BELIEVE_CLOCK):
        services.timeline.believe()
        await services.timeline.save(0)
    return [[f"It is {utc_text(services.clock.now())}; what is over by then may be removed."]]
