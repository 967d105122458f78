"""Rows of the log of what operators do."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Way(StrEnum):
    """How an operator did something."""

    PAGE = "page"
    COMMAND = "command"
    PLUGIN = "plugin"


class Action(StrEnum):
    """What operators do. A name that stands in rows is never taken away."""

    ADD_ACCOUNT = "add_account"
    CHANGE_ACCOUNT = "change_account"
    LOCK_ACCOUNT = "lock_account"
    UNLOCK_ACCOUNT = "unlock_account"
    REMOVE_ACCOUNT = "remove_account"
    EXPORT_ACCOUNT = "export_account"
    SIGN_OUT_ACCOUNT = "sign_out_account"
    END_CREDENTIAL = "end_credential"
    MAIL_RESET = "mail_reset"
    ADD_API_KEY = "add_api_key"
    LINK_SIGN_IN = "link_sign_in"
    MAKE_LOGIN_LINK = "make_login_link"
    IMPORT_LINKS = "import_links"
    ADD_LINK = "add_link"
    CHANGE_LINK = "change_link"
    TURN_OFF_LINK = "turn_off_link"
    TURN_ON_LINK = "turn_on_link"
    DELETE_LINK = "delete_link"
    APPROVE_LINK = "approve_link"
    REFUSE_LINK = "refuse_link"
    BLOCK_DESTINATION = "block_destination"
    UNBLOCK_DESTINATION = "unblock_destination"
    DISMISS_REPORTS = "dismiss_reports"
    ADD_TEAM = "add_team"
    REMOVE_TEAM = "remove_team"
    ADD_MEMBER = "add_member"
    SET_ROLE = "set_role"
    REMOVE_MEMBER = "remove_member"
    ADD_DOMAIN = "add_domain"
    CHANGE_DOMAIN = "change_domain"
    REMOVE_DOMAIN = "remove_domain"
    ADD_CAMPAIGN = "add_campaign"
    REMOVE_CAMPAIGN = "remove_campaign"
    ADD_TRACKER = "add_tracker"
    REMOVE_TRACKER = "remove_tracker"
    BELIEVE_CLOCK = "believe_clock"
    MEND_DATABASE = "mend_database"
    DOWNLOAD_BACKUP = "download_backup"
    FORGET_PLUGIN = "forget_plugin"
    RESUME_PLUGIN = "resume_plugin"


class AuditEntry(msgspec.Struct, array_like=True, frozen=True):
    """Something that an operator did."""

    utime: int
    way: Way
    action: Action
    userid: str = ""
    """The operator's account; empty for who has the command line, and for a plugin."""
    name: str = ""
    """What the operator or the plugin was called then."""
    subject: str = ""
    """To whom or what it was done, as people call it: a name, an address, a short URL."""
    subject_userid: str = ""
    """Whose account it was done to, or whose links: for who asks what is kept of him."""
    detail: str = ""
    """What else there is to say of it, in words of the command line."""
    reason: str = ""
    """The operator's own words. Visitors are never told."""
