"""Several files under one link, made on a real server by the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.server_process import PLAIN, ServerProcess


def new_bundle(
    server: ServerProcess,
    contents: Mapping[str, bytes],
    *,
    userid: str = "",
    filename: str = "trip",
    **terms: Any,
) -> dict[str, Any]:
    """The entry of a new link for files by their paths."""
    userid = userid or server.call("temporary_account")["userid"]
    data = b"".join(contents.values())
    begun = server.call(
        "file_part_initialize", userid=userid, filename=filename, filesize=len(data)
    )
    if data:
        query = {
            "userid": userid,
            "filekey": begun["filekey"],
            "partnumber": 0,
            "partsize": len(data),
        }
        files: dict[str, Any] = {"query": (None, json.dumps(query)), "part": data}
        url = f"{server.url}/v2/file_part_upload"
        httpx.post(url, files=files, timeout=60, verify=PLAIN).raise_for_status()
    told = [{"path": path, "filesize": len(content)} for path, content in contents.items()]
    made = server.call("bundle", userid=userid, filekey=begun["filekey"], entries=told, **terms)
    entry: dict[str, Any] = made["entry"]
    return entry
