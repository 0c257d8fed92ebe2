"""Auth: the one object that holds settings, database, keys, hasher, mail carrier and features. It knows no HTTP."""

import logging
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from fam_auth import events
from fam_auth.core import mail, migrations, settings_checks
from fam_auth.core.clock import Clock, system_clock, timestamps, uuid7
from fam_auth.core.database import Database
from fam_auth.core.hashing import Hasher
from fam_auth.core.languages import Texts
from fam_auth.core.migrations import History
from fam_auth.core.security import Keyring, new_secret, parse_secrets
from fam_auth.core.session_cache import SessionCache
from fam_auth.core.settings import Settings
from fam_auth.exceptions import Misconfigured
from fam_auth.feature import Feature
from fam_auth.hooks import Claiming, Errand, Follower, Hooks, Listener, SomeEvent
from fam_auth.models import KERNEL, Base

GROUP = "fam_auth.features"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
log = logging.getLogger("fam_auth")
PlaceOf = Callable[[str], str | None]
SomeFeature = TypeVar("SomeFeature", bound=Feature)


def _nowhere(_: str) -> None:
    """Whoever does not ask for places has none."""


class Auth:
    """Everything the package needs to work, checked when it is made.

    Without arguments it reads FAM_AUTH_* and, in development, `.env`. `features` are instances of features; None takes
    those that FAM_AUTH_FEATURES names. `registration` are fields of the application's own at registration, which
    `auth.on(UserRegistered)` is given. `place_of` tells where a network address is, as people say it; None: it does not
    know. Further keywords are settings. Raises Misconfigured.
    """

    def __init__(  # noqa: PLR0913 - what an application gives its Auth
        self,
        database: str | None = None,
        *,
        features: Sequence[Feature] | None = None,
        clock: Clock = system_clock,
        carrier: mail.Carrier | None = None,
        registration: type[BaseModel] | None = None,
        place_of: PlaceOf = _nowhere,
        **settings: Any,
    ) -> None:
        self.registration = registration
        self.place_of = place_of
        self.errands: dict[str, Errand] = {}
        given = settings if database is None else {"database": database, **settings}
        self.settings = Settings(**given)
        found = features if features is not None else [_installed(name)() for name in self.settings.features]
        self.features = _ordered([feature.under(self.settings.profile).of(self) for feature in found])
        settings_checks.check(self.settings)
        settings_checks.check_names(_sections(self.features))
        self.texts = Texts(self._message_files(), self.settings.language, self.settings.languages)
        self.now = clock
        self.database = Database(
            self.settings.database,
            schema=self.settings.db_schema,
            pool_size=self.settings.pool_size,
            pooler=self.settings.pooler,
        )
        self.keys = Keyring(parse_secrets(self._secrets()))
        self.hasher = Hasher(**self.settings.hashing.model_dump())
        self.carrier = carrier or mail.carrier(self.settings.mail or "")
        self.prefix = "/auth"
        self.session_cache = self._new_session_cache()
        self.is_stopping = False

    def __repr__(self) -> str:
        return f"Auth({self.database}, features={[feature.name for feature in self.features]})"

    @property
    def histories(self) -> list[History]:
        """The migrations of the kernel and of every feature in use."""
        kernel = _history(migrations.KERNEL, migrations.environment() / "versions", KERNEL)
        own = [_history(one.name, one.migrations, one.models) for one in self.features if one.migrations]
        return [kernel, *own]

    @property
    def mails(self) -> tuple[Path, ...]:
        """The folders of mail templates: the host's own first, then those of the features."""
        own = self.settings.mail_templates
        return (*([own] if own else []), *(feature.mails for feature in self.features if feature.mails))

    @property
    def hooks(self) -> Hooks:
        """What the application listens to; the last of the features from the first time it is asked for."""
        for feature in self.features:
            if isinstance(feature, Hooks):
                return feature
        made = Hooks().of(self)
        self.features = (*self.features, made)
        return made

    def on(self, *kinds: type[SomeEvent]) -> Callable[[Listener[SomeEvent]], Listener[SomeEvent]]:
        """Decorates `async def heard(event, db)`, called for these events inside of the transaction of the deed.

        What it writes through `db` is committed with the deed, or not at all; what it raises undoes the deed. It does
        not commit, and calls nobody outside: the transaction is open.
        """

        def listening(listener: Listener[SomeEvent]) -> Listener[SomeEvent]:
            self.hooks.listen(kinds, listener)
            return listener

        return listening

    def after(
        self, *kinds: type[SomeEvent], name: str | None = None
    ) -> Callable[[Follower[SomeEvent]], Follower[SomeEvent]]:
        """Decorates `async def follow(event)`, called by a worker once these events are committed.

        It is called at least once, and again when it raises; `event.id` tells a repetition. `name` is what waits in the
        outbox for it; None: the name of the function. Raises Misconfigured for a name that is taken.
        """

        def following(follower: Follower[SomeEvent]) -> Follower[SomeEvent]:
            async def perform(event: Any) -> None:  # noqa: ANN401 - of the kind that was wanted
                await follower(event)

            own = name or follower.__name__
            self.errand(Errand(own, lambda happened: issubclass(events.class_of(happened), kinds), perform))
            return follower

        return following

    def errand(self, errand: Errand) -> None:
        """A worker does it after each event that it wants. Raises Misconfigured for a name that is taken."""
        if errand.name in self.errands:
            raise Misconfigured(f"auth.after already has a function named {errand.name}. Pass another name (name=).")
        self.errands[errand.name] = errand

    def claims(self, claiming: Claiming) -> Claiming:
        """Decorates `async def claimed(user, db)`: what it gives is in the claims of the user's sessions."""
        self.hooks.claim(claiming)
        return claiming

    @asynccontextmanager
    async def transaction(self, db: AsyncSession | None = None) -> AsyncIterator[AsyncSession]:
        """A short transaction of its own, committed at the end, rolled back on errors; or the caller's, left open."""
        async with self.database.transaction(db) as joined:
            yield joined

    def of(self, kind: type[SomeFeature]) -> SomeFeature:
        """The feature of this class. Raises Misconfigured when it is not in use."""
        for feature in self.features:
            if isinstance(feature, kind):
                return feature
        name = kind.__name__.removesuffix("Settings")
        raise Misconfigured(f"The feature {kind.name} is not enabled. Add {name}() to Auth(features=[...]).")

    def new_id(self) -> UUID:
        """A fresh id that sorts by the present moment."""
        return uuid7(self.now())

    def until(self, lifetime: timedelta) -> datetime:
        """The moment a lifetime that begins now ends."""
        return self.now() + lifetime

    def used_since(self) -> datetime:
        """A session that was last used before this moment has ended: it was idle for too long."""
        return self.now() - self.settings.session_idle

    def link(self, name: str, token: str) -> str:
        """The address of the page that a mail's link opens, with the token in the fragment."""
        own: str | None = getattr(self.settings.links, name)
        hosted = f"{self.settings.public_url}{self.prefix}/{name.replace('_', '-')}#token={{token}}"
        return (own or hosted).replace("{token}", token)

    async def start(self) -> None:
        """The database is ready for this code afterwards. Raises Misconfigured when its schema is behind.

        On SQLite in development the tables are made or upgraded; nowhere else does a start migrate. Sessions cached
        before an earlier stop are not trusted: the cache starts empty.
        """
        self.session_cache, self.is_stopping = self._new_session_cache(), False
        if self.database.is_sqlite and self.settings.is_development:
            from fam_auth.core import upgrade  # noqa: PLC0415 - Alembic takes long to import

            await upgrade.upgrade(self.database, self.histories)
        await migrations.check(self.database, self.histories)
        await self.database.check_deadlines()
        for feature in self.features:
            await feature.start(self)

    async def close(self) -> None:
        """Ends the hash threads and closes every connection."""
        self.hasher.close()
        await self.database.close()

    def _new_session_cache(self) -> SessionCache:
        return SessionCache(self.settings.session_memory, timestamps(self.now))

    def _message_files(self) -> tuple[Path, ...]:
        """The folders of message files beside the package's own: the features', then the host's, which wins."""
        own = self.settings.texts
        return (*(feature.languages for feature in self.features if feature.languages), *([own] if own else []))

    def _secrets(self) -> str:
        if self.settings.secrets is not None:
            return self.settings.secrets.get_secret_value()
        return _kept_secret(
            Path(f"{self.database.url.database}.secret" if self.database.is_sqlite else "fam_auth.secret")
        )


def _history(name: str, folder: Path, models: Iterable[type[Base]]) -> History:
    return History(name, folder, Base.metadata, frozenset(model.__tablename__ for model in models))


@cache
def _entries() -> EntryPoints:
    """The features that are installed. To find them every installed distribution is looked at: 5 ms, so once."""
    return entry_points(group=GROUP)


def _installed(name: str) -> type[Feature]:
    for entry in _entries().select(name=name):
        loaded: type[Feature] = entry.load()
        return loaded
    names = ", ".join(sorted(_entries().names))
    raise Misconfigured(f"FAM_AUTH_FEATURES: the feature {name} is not installed. Installed features: {names}.")


def _sections(features: Sequence[Feature]) -> Mapping[str, type[Feature] | None]:
    return {**dict.fromkeys(_entries().names), **{feature.name: type(feature) for feature in features}}


def _ordered(features: Sequence[Feature]) -> tuple[Feature, ...]:
    names = [feature.name for feature in features]
    for feature in features:
        if names.count(feature.name) > 1:
            raise Misconfigured(f"The feature {feature.name} is listed twice. Remove one of them.")
        for required in feature.requires:
            if required not in names:
                raise Misconfigured(f"The feature {feature.name} requires {required}. Add {required} to the features.")
    return tuple(features)


def _kept_secret(path: Path) -> str:
    """The secret of this development machine, made at the first start and readable by its owner alone.

    Raises Misconfigured when it cannot be kept there.
    """
    try:
        if not path.exists():
            with tempfile.NamedTemporaryFile("w", dir=path.parent) as new:  # made with mode 0600
                new.write(new_secret())
                new.flush()
                with suppress(FileExistsError):  # another worker was first
                    os.link(new.name, path)
        elif path.stat().st_mode & OTHERS:
            _make_private(path)
        return path.read_text().strip()
    except OSError as error:
        raise Misconfigured(
            f"FAM_AUTH_SECRETS is not set and fam-auth cannot keep a secret in {path} ({error.strerror}). Set "
            "FAM_AUTH_SECRETS, or correct the permissions of the directory."
        ) from error


def _make_private(path: Path) -> None:
    """Nobody but its owner can read it from now on, where we may say so; it is told in any case."""
    with suppress(PermissionError):
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    if path.stat().st_mode & OTHERS:
        log.warning("Other users of this machine can read %s. Run `chmod 600` on it as its owner.", path)
    else:
        log.warning(
            "Other users of this machine could read %s. Now only its owner can. If there are any, replace the file.",
            path,
        )
