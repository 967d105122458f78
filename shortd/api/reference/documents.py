"""Which calls the documents of the three APIs have. Every other call is ours."""

from __future__ import annotations

from shortd.api.reference.operations import Api

_LINK = (
    *("analytics", "list", "create", "update", "delete", "redirect-mobile", "testing", "redirect"),
    *("expiration", "password", "tracker/list", "create-tracker", "delete-tracker"),
)
OF_DOCUMENT = {
    Api.V2: frozenset(
        {
            *("temporary_account", "signup", "login", "logout", "check_credentials"),
            *("change_password", "verify_email", "forgot_password", "reset_password"),
            *("get_account_info", "url", "urls", "change_shorturl", "set_enabled", "set_tag"),
            *("set_expiration_count", "delete", "get_entry", "get_entries"),
            *("file", "file_part_initialize", "file_part_upload", "file_part_finalize"),
            *("get_signature", "get_protected_file_info", "multi"),
        }
    ),
    Api.V1: frozenset(
        {
            *("authen/token", "authen/refresh-token", "authen/revoke-token"),
            *("entity/team/list", "entity/campaign/list", "entity/domain/subscriptions"),
            *("entity/tracker/list", "entity/team/tracker/list"),
            *(f"entity/link/{name}" for name in _LINK),
        }
    ),
    Api.SQWISH: frozenset({"shorten", "stats", "ips"}),
}
