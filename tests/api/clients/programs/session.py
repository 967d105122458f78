"""A session by what openapi-python-client has generated. Arguments: where the server is."""

import sys
from io import BytesIO

from shortd_client import AuthenticatedClient, Client
from shortd_client.api.sqwish_links import sqwish_shorten
from shortd_client.api.v1_links import v1_entity_link_list
from shortd_client.api.v1_tokens import v1_authen_token
from shortd_client.api.v2_accounts import signup
from shortd_client.api.v2_files import file_part_finalize, file_part_initialize, file_part_upload
from shortd_client.api.v2_keys import create_api_key
from shortd_client.api.v2_links import get_entries, url
from shortd_client.api.v2_multi import multi
from shortd_client.api.v2_statistics import get_stats
from shortd_client.models import (
    CreateApiKeyAnswer,
    CreateApiKeyInput,
    ErrorCode,
    FilePartFinalizeAnswer,
    FilePartFinalizeInput,
    FilePartInitializeAnswer,
    FilePartInitializeInput,
    FilePartUploadAnswer,
    FilePartUploadForm,
    FilePartUploadInput,
    GetEntriesAnswer,
    GetEntriesInput,
    GetStatsAnswer,
    GetStatsInput,
    MultiAnswer,
    MultiInput,
    QrOptions,
    QrOptionsLevel,
    Refusal,
    SignupAnswer,
    SignupInput,
    SqwishShortenAnswer,
    SqwishShortenFormat,
    SqwishShortenInput,
    TemporaryAccountAnswer,
    TemporaryAccountQuery,
    UrlAnswer,
    UrlInput,
    UrlQuery,
    UrlQueryInput,
    V1AuthenTokenAnswer,
    V1AuthenTokenInput,
    V1EntityLinkListAnswer,
    V1EntityLinkListInput,
)
from shortd_client.types import File

ALL_BITS = 2**63 - 1
PARTS = (b"The first part, ", b"the second.")

base_url = sys.argv[1]
client = Client(base_url=base_url)

signed_up = signup.sync(
    client=client,
    body=SignupInput(email="python@example.com", username="python", password="ab" * 32),
)
assert isinstance(signed_up, SignupAnswer), signed_up
userid, token = signed_up.output.userid, signed_up.output.token

shortened = url.sync(
    client=client,
    body=UrlInput(
        userid=userid,
        token=token,
        url="https://example.com/",
        tag=ALL_BITS,
        qr=QrOptions(level=QrOptionsLevel.H),
    ),
)
assert isinstance(shortened, UrlAnswer), shortened
entry = shortened.output.entry
assert entry.tag == ALL_BITS

begun = file_part_initialize.sync(
    client=client,
    body=FilePartInitializeInput(
        userid=userid, token=token, filename="note.txt", filesize=sum(map(len, PARTS))
    ),
)
assert isinstance(begun, FilePartInitializeAnswer), begun
for number, part in enumerate(PARTS):
    query = FilePartUploadInput(
        userid=userid,
        token=token,
        filekey=begun.output.filekey,
        partnumber=number,
        partsize=len(part),
    )
    sent = file_part_upload.sync(
        client=client, body=FilePartUploadForm(query=query, file=File(payload=BytesIO(part)))
    )
    assert isinstance(sent, FilePartUploadAnswer), sent
finished = file_part_finalize.sync(
    client=client,
    body=FilePartFinalizeInput(userid=userid, token=token, filekey=begun.output.filekey),
)
assert isinstance(finished, FilePartFinalizeAnswer), finished

listed = get_entries.sync(
    client=client,
    body=GetEntriesInput(userid=userid, token=token, count=10, tagmask_and=str(ALL_BITS)),
)
assert isinstance(listed, GetEntriesAnswer), listed
assert [one.shorturl for one in listed.output.entries] == [entry.shorturl]

counted = get_stats.sync(
    client=client, body=GetStatsInput(userid=userid, token=token, shorturl=entry.shorturl)
)
assert isinstance(counted, GetStatsAnswer), counted
assert counted.output.total == 0

refused = url.sync(client=client, body=UrlInput(userid=userid, token=token, url="nowhere"))
assert isinstance(refused, Refusal), refused
assert refused.error.code is ErrorCode.INVALID_URL

several = multi.sync(
    client=client,
    body=MultiInput(
        call_queries=[
            TemporaryAccountQuery(type_="temporary_account", broadcast=True),
            UrlQuery(type_="url", input_=UrlQueryInput(url="https://example.com/")),
            UrlQuery(type_="url", input_=UrlQueryInput(url="nowhere")),
        ]
    ),
)
assert isinstance(several, MultiAnswer), several
made, inside, not_made = several.output.call_responses
assert isinstance(made, TemporaryAccountAnswer), made
assert isinstance(inside, UrlAnswer), inside
assert isinstance(not_made, Refusal), not_made

key = create_api_key.sync(
    client=client, body=CreateApiKeyInput(userid=userid, token=token, name="x")
)
assert isinstance(key, CreateApiKeyAnswer), key
pair = v1_authen_token.sync(
    client=client, body=V1AuthenTokenInput(username="python", key=key.output.api_key)
)
assert isinstance(pair, V1AuthenTokenAnswer), pair
opened = AuthenticatedClient(base_url=base_url, token=pair.token.access_token)
links = v1_entity_link_list.sync(client=opened, body=V1EntityLinkListInput(size=5))
assert isinstance(links, V1EntityLinkListAnswer), links

short = sqwish_shorten.sync(
    SqwishShortenFormat.JSON,
    client=opened,
    body=SqwishShortenInput(url="https://example.com/", api_key=key.output.api_key),
)
assert isinstance(short, SqwishShortenAnswer), short
print(finished.output.entry.shorturl)
