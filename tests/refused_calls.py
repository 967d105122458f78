"""Whatever any test is refused is held against the reference: a call may be refused for nothing
that its list does not have."""

from __future__ import annotations

from typing import Any

import httpx

from shortd import errors
from shortd.api.reference.document import all_apis
from shortd.api.reference.operations import Api, Operation
from shortd.api.reference.refusals import ANY_CALL

# The last is for whoever comes with the session of the pages, which programs have not.
_ANY = {
    kind.code
    for kind in (*ANY_CALL, errors.BAD_JSON, errors.CREDENTIALS_FIRST, errors.FOREIGN_FORM)
}
_OPERATIONS = {
    one.path.removesuffix(".{format}"): one
    for api in all_apis("http://127.0.0.1:8080")
    for one in api.operations
}


def check_refusal(response: httpx.Response) -> None:
    """AssertionError for a refusal that the reference does not tell of."""
    path = response.request.url.path
    operation = _OPERATIONS.get(path.removesuffix(".json").removesuffix(".xml"))
    if operation is None or response.request.method != "POST":
        return
    match operation.api:
        case Api.V2:
            if response.status_code != 200:
                _check_envelope(response.json())
            elif operation.name == "multi":
                for envelope in response.json()["output"]["call_responses"]:
                    # None can stand in itself.
                    if envelope["type"] != "multi":
                        _check_envelope(envelope)
        case Api.V1:
            if number := response.json()["status"]["code"]:
                _check_status(operation, number)
        case Api.SQWISH:
            if response.status_code != 200:
                _check_status(operation, response.status_code)


def _check_envelope(envelope: dict[str, Any]) -> None:
    operation = _OPERATIONS.get(f"/v2/{envelope['type']}")
    if operation is not None and envelope["status"] == "error":
        code = envelope["error"]["code"]
        told = {kind.code for kind in operation.refusals} | _ANY
        assert code in told, f"the reference does not say that {operation.name} answers {code}"


def _check_status(operation: Operation, status: int) -> None:
    told = {kind.status for kind in operation.refusals}
    told |= {errors.CATALOGUE[code].status for code in _ANY}
    assert status in told, f"the reference does not say that {operation.name} answers {status}"
