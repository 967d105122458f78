"""Who runs the examples of the reference: somebody new each time, with all that they name."""

from __future__ import annotations

import json
import re
import time
from email import message_from_bytes, policy
from itertools import count
from typing import Any

import httpx

from tests.server_process import PLAIN, ServerProcess
from tests.sharing.sharing import CHALLENGE, SECRECY

FACEBOOK = "635a1844172e000047005862"
DESTINATION = "https://example.com/"
_numbers = count()


class Caller:
    """Somebody without an account, who gets what he needs when he needs it."""

    def __init__(self, server: ServerProcess, call: str) -> None:
        self._server = server
        self._call = call
        number = next(_numbers)
        self._name = f"ann{number}"
        self._made = {
            "EMAIL": f"{self._name}@example.com",
            "PASSWORD": f"{number:064x}",
            "NEW_PASSWORD": "ab" * 32,
            "NEW_SHORTURL": f"{server.url}/fancy{number:03}",
            "DOMAIN": f"go{number}.example.org",
            "CHALLENGE": CHALLENGE,
        }

    def environment(self, text: str) -> dict[str, str]:
        """The variables that an example names."""
        if self._call == "find_entry":
            self.need("SHORTURL")
        if self._call in ("login", "forgot_password", "reset_password"):
            self.need("TOKEN")
        names = re.findall(r"\$([A-Z_]+)", text)
        return {name: self.need(name) for name in names}

    def need(self, name: str) -> str:
        """A variable's value."""
        if name not in self._made:
            self._made[name] = getattr(self, f"_{name.lower()}")()
        return self._made[name]

    def v2(self, name: str, /, **inputs: Any) -> dict[str, Any]:
        """A call of the account's."""
        who = {"userid": self.need("USERID"), "token": self.need("TOKEN")}
        return self._server.call(name, **who, **inputs)

    def v1(self, name: str, /, **inputs: Any) -> dict[str, Any]:
        """The same of Shorten World v1."""
        header = {"authorization": f"Bearer {self.need('ACCESS_TOKEN')}"}
        answer: dict[str, Any] = httpx.post(
            f"{self._server.url}/v1/{name}", json=inputs, headers=header, verify=PLAIN
        ).json()
        assert answer["status"]["code"] == 0, answer
        return answer

    def _userid(self) -> str:
        made = self._server.call(
            "signup",
            email=self._made["EMAIL"],
            username=self._name,
            password=self._made["PASSWORD"],
        )
        self._made["TOKEN"] = made["token"]
        return str(made["userid"])

    def _token(self) -> str:
        self.need("USERID")
        return self._made["TOKEN"]

    def _username(self) -> str:
        self.need("USERID")
        return self._name

    def _code(self) -> str:
        """The code of the mail that leads to a new password."""
        self._server.call("forgot_password", username_email=self._made["EMAIL"])
        outbox = self._server.data_dir / "outbox"
        # What writes it runs every second.
        for _ in range(1200):
            for file in outbox.glob("*.eml"):
                mail = message_from_bytes(file.read_bytes(), policy=policy.default)
                body = mail.get_body(("plain",))
                if mail["to"] == self._made["EMAIL"] and body is not None:
                    found = re.search(r"code=([0-9a-f]{32})", body.get_content())
                    assert found is not None
                    return found[1]
            time.sleep(0.05)
        raise AssertionError("no mail came")

    def _api_key(self) -> str:
        made = self.v2("create_api_key", name="x")
        self._made["KEY_ID"] = made["key"]["id"]
        return str(made["api_key"])

    def _key_id(self) -> str:
        self.need("API_KEY")
        return self._made["KEY_ID"]

    def _shorturl(self) -> str:
        return str(self.v2("url", url=DESTINATION)["entry"]["shorturl"])

    def _short_code(self) -> str:
        return self.need("SHORTURL").rpartition("/")[2]

    def _encrypted(self) -> str:
        content = (29).to_bytes(4, "little") + bytes(29)
        inputs = {"filename": "x", "filesize": 1, **SECRECY}
        query = {"userid": self.need("USERID"), "token": self.need("TOKEN"), **inputs}
        answer = httpx.post(
            f"{self._server.url}/v2/file",
            data={"query": json.dumps(query)},
            files={"file": content},
            verify=PLAIN,
        ).json()
        return str(answer["output"]["entry"]["shorturl"])

    def _box(self) -> str:
        return str(self.v2("create_box", name="x")["entry"]["shorturl"])

    def _filekey(self) -> str:
        filekey = self.v2("file_part_initialize", filename="note.txt", filesize=5)["filekey"]
        if self._call != "file_part_upload":
            part = {"filekey": filekey, "partnumber": 0, "partsize": 5}
            query = {"userid": self.need("USERID"), "token": self.need("TOKEN"), **part}
            httpx.post(
                f"{self._server.url}/v2/file_part_upload",
                data={"query": json.dumps(query)},
                files={"file": b"Hello"},
                verify=PLAIN,
            ).raise_for_status()
        return str(filekey)

    def _access_token(self) -> str:
        inputs = {"username": self.need("USERNAME"), "key": self.need("API_KEY")}
        answer = httpx.post(f"{self._server.url}/v1/authen/token", json=inputs, verify=PLAIN).json()
        self._made["REFRESH_TOKEN"] = answer["token"]["refresh_token"]
        return str(answer["token"]["access_token"])

    def _refresh_token(self) -> str:
        self.need("ACCESS_TOKEN")
        return self._made["REFRESH_TOKEN"]

    def _team_id(self) -> str:
        return str(self.v1("entity/team/create", name="Shop")["team"]["id"])

    def _member(self) -> str:
        return Caller(self._server, "").need("USERNAME")

    def _member_id(self) -> str:
        other = Caller(self._server, "")
        invited = {"teamId": self.need("TEAM_ID"), "member": other.need("USERNAME")}
        invitation = self.v1("entity/team/member/add", **invited)["invitation"]["id"]
        other.v1("entity/team/invitation/accept", invitationId=invitation)
        return other.need("USERID")

    def _invitation_id(self) -> str:
        other = Caller(self._server, "")
        host, guest = (self, other) if self._call.endswith("withdraw") else (other, self)
        invited = {"teamId": host.need("TEAM_ID"), "member": guest.need("USERNAME")}
        return str(host.v1("entity/team/member/add", **invited)["invitation"]["id"])

    def _campaign_id(self) -> str:
        made = self.v1("entity/campaign/create", teamId=self.need("TEAM_ID"), name="x")
        return str(made["campaign"]["id"])

    def _domain_id(self) -> str:
        if self._call == "entity/link/create":
            # The server's own.
            return "0" * 24
        claim = {"teamId": self.need("TEAM_ID"), "domainName": self.need("DOMAIN")}
        return str(self.v1("entity/domain/subscribe", **claim)["subscription"]["domainId"])

    def _link_id(self) -> str:
        place = {"teamId": self.need("TEAM_ID"), "domainId": "0" * 24, "noTitle": True}
        return str(self.v1("entity/link/create", **place, destination=DESTINATION)["linkId"])

    def _link_tracker_id(self) -> str:
        new = {"type": 0, "code": "121145523322155", "trackerId": FACEBOOK}
        link = {"linkId": self.need("LINK_ID")}
        self.v1("entity/link/create-tracker", **link, **new)
        return str(self.v1("entity/link/tracker/list", **link)["linkTracker"][0]["id"])

    def _team_tracker_id(self) -> str:
        new = {"trackerId": FACEBOOK, "code": "121145523322155", "name": "x"}
        made = self.v1("entity/team/tracker/create", teamId=self.need("TEAM_ID"), **new)
        return str(made["teamTracker"]["id"])
