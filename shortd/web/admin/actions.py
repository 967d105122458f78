"""What operators do, in the reader's words."""

from __future__ import annotations

from collections.abc import Mapping

from shortd.models.audit import Action, Way
from shortd.web.forms import Words


def action_words(words: Words) -> Mapping[Action, str]:
    """What was done, before the name of whom or what it was done to."""
    return {
        Action.ADD_ACCOUNT: words("Added the account"),
        Action.CHANGE_ACCOUNT: words("Changed the account"),
        Action.LOCK_ACCOUNT: words("Locked the account"),
        Action.UNLOCK_ACCOUNT: words("Unlocked the account"),
        Action.REMOVE_ACCOUNT: words("Removed the account"),
        Action.EXPORT_ACCOUNT: words("Wrote all its data into a file"),
        Action.SIGN_OUT_ACCOUNT: words("Signed out everywhere"),
        Action.END_CREDENTIAL: words("Ended a login or a key"),
        Action.MAIL_RESET: words("Mailed a new password's code"),
        Action.ADD_API_KEY: words("Made an API key"),
        Action.LINK_SIGN_IN: words("Linked a sign-in from elsewhere"),
        Action.MAKE_LOGIN_LINK: words("Made a link that signs in"),
        Action.IMPORT_LINKS: words("Imported links"),
        Action.ADD_LINK: words("Added a link"),
        Action.CHANGE_LINK: words("Changed the link"),
        Action.TURN_OFF_LINK: words("Turned off the link"),
        Action.TURN_ON_LINK: words("Turned on the link"),
        Action.DELETE_LINK: words("Deleted the link"),
        Action.APPROVE_LINK: words("Let go the held link"),
        Action.REFUSE_LINK: words("Refused the held link"),
        Action.BLOCK_DESTINATION: words("Blocked the destination"),
        Action.UNBLOCK_DESTINATION: words("Allowed the destination again"),
        Action.DISMISS_REPORTS: words("Dismissed reports of the link"),
        Action.ADD_TEAM: words("Added the team"),
        Action.REMOVE_TEAM: words("Removed the team"),
        Action.ADD_MEMBER: words("Added a member"),
        Action.SET_ROLE: words("Changed a role"),
        Action.REMOVE_MEMBER: words("Removed a member"),
        Action.ADD_DOMAIN: words("Added the domain"),
        Action.CHANGE_DOMAIN: words("Changed the domain"),
        Action.REMOVE_DOMAIN: words("Removed the domain"),
        Action.ADD_CAMPAIGN: words("Added the campaign"),
        Action.REMOVE_CAMPAIGN: words("Removed the campaign"),
        Action.ADD_TRACKER: words("Added the tracker"),
        Action.REMOVE_TRACKER: words("Removed the tracker"),
        Action.BELIEVE_CLOCK: words("Said that the clock is right"),
        Action.RESUME_PLUGIN: words("Turned a plugin on again"),
        Action.MEND_DATABASE: words("Mended the database"),
        Action.DOWNLOAD_BACKUP: words("Took a backup along"),
        Action.FORGET_PLUGIN: words("Deleted what the plugin kept"),
    }


def way_words(words: Words) -> Mapping[Way, str]:
    """How it was done."""
    return {
        Way.PAGE: words("Page"),
        Way.COMMAND: words("Command"),
        Way.PLUGIN: words("Plugin"),
    }
