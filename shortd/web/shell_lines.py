"""Lines for the shell that use this server's APIs, as they can be pasted: POSIX sh, curl and what
every Unix has. Where an API key or a name belongs, `KEY` and `NAME` stand.
"""

from __future__ import annotations

KEY = "YOUR-API-KEY"
NAME = "YOUR-NAME"

_SQWISH = r"""
key=YOUR-API-KEY
curl -s SERVER/shorten.json -d api_key=$key --data-urlencode url=https://example.org/
curl -s SERVER/upload.json -F api_key=$key -F file=@report.pdf
"""
_V1 = r"""
v1() { curl -s SERVER/v1/$1 -H "Authorization: Bearer $token" -d "$2"; }
value() { grep -o "\"$1\":\"[^\"]*" | head -n 1 | cut -d '"' -f 4; }
token=$(v1 authen/token '{"username":"YOUR-NAME","key":"YOUR-API-KEY"}' | value access_token)
team=$(v1 entity/team/list '{}' | value id)
domain=$(v1 entity/domain/subscriptions "{\"teamId\":\"$team\"}" | value domainId)
where="\"teamId\":\"$team\",\"domainId\":\"$domain\""
v1 entity/link/create "{$where,\"destination\":\"https://example.org/\"}"
"""
_V2 = r"""
v2() { curl -s SERVER/v2/$1 -d "$2"; }
userid=$(v2 temporary_account '{}' | grep -o '"userid":"[^"]*' | cut -d '"' -f 4)
v2 url "{\"userid\":\"$userid\",\"url\":\"https://example.org/\"}"
file="\"filename\":\"report.pdf\",\"filesize\":$(wc -c < report.pdf)"
curl -s SERVER/v2/file --form-string "query={\"userid\":\"$userid\",$file}" -F file=@report.pdf
"""
_CLIENT = r"""
link=$(shortd send --server SERVER --key-link report.pdf)
echo "$link"
shortd fetch "$link" -o copy.pdf
"""


def sqwish(server: str) -> str:
    """Makes a link, and shares a file, with an API key."""
    return _at(server, _SQWISH)


def v1(server: str, name: str) -> str:
    """Makes a link for one's own team, with an account's name and an API key."""
    return _at(server, _V1.replace(NAME, name))


def v2(server: str) -> str:
    """Makes a link, and shares a file, without an account."""
    return _at(server, _V2)


def client(server: str) -> str:
    """Shares a file, encrypted before it is sent, and gets it back."""
    return _at(server, _CLIENT)


def _at(server: str, lines: str) -> str:
    return lines.strip().replace("SERVER", server)
