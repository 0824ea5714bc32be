"""Plugins of the embedded broker: a password for each role, and the same access list as a site's broker has."""

import hmac
import json
from dataclasses import dataclass
from pathlib import Path

from amqtt.contexts import Action, BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from wire.access import Grants, covers, grants
from wire.signing import Role


@dataclass
class UsersFile:
    """Where the users stand: `{"park": id, "users": {name: {"password": text, "role": role}}}`."""

    users_file: str = ""


class PasswordOfRole(BaseAuthPlugin):
    """Lets in who knows the password of the user name and leaves no will in another's name; nobody anonymously."""

    Config = UsersFile

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._passwords = {name: user["password"] for name, user in _users(self.config.users_file).items()}
        self._grants = _grants(self.config.users_file)

    async def authenticate(self, *, session: Session) -> bool:
        """Return whether the session's password is its user's, and its will what its user may say.

        The broker asks nobody when it says a will, so that it is asked about here.
        """
        wanted = self._passwords.get(session.username or "", "")
        if not wanted or not hmac.compare_digest(wanted.encode(), (session.password or "").encode()):
            return False
        if not session.will_flag:
            return True
        allowed = self._grants[session.username or ""].publish
        return any(covers(item, session.will_topic or "#") for item in allowed)


class AccessOfRole(BaseTopicPlugin):
    """Lets each role publish and subscribe what it must, and nothing else."""

    Config = UsersFile

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._grants = _grants(self.config.users_file)

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Return whether the session may publish or subscribe `topic`; what was subscribed may be received."""
        if action is Action.RECEIVE:
            return True
        granted = self._grants.get((session.username or "") if session else "")
        if granted is None or topic is None:
            return False
        allowed = granted.publish if action is Action.PUBLISH else granted.subscribe
        return any(covers(item, topic) for item in allowed)


def _grants(file: str) -> dict[str, Grants]:
    park = json.loads(Path(file).read_text(encoding="utf-8"))["park"]
    return {name: grants(park, Role(user["role"]), name) for name, user in _users(file).items()}


def _users(file: str) -> dict[str, dict[str, str]]:
    users: dict[str, dict[str, str]] = json.loads(Path(file).read_text(encoding="utf-8"))["users"]
    return users
