"""Puts what the API, the health server and Prometheus work with around a centre; opens no door itself."""

from control.api.parts import Parts
from control.commands.tags import Tags
from control.core import Core
from control.health import Health
from control.live.hub import Hub
from control.outside import Outside
from control.people.limits import Strangers
from control.people.oidc import Client
from control.people.passwords import Passwords
from control.people.provider import Provider
from control.replica.rank import LEADS, Rank
from control.settings import ControlSettings, OidcBlock
from domain.park import Park
from domain.words import Words
from runtime.clock import Clock
from runtime.settings import read_secret
from stores.open import open_history


def health_of(core: Core, outside: Outside, settings: ControlSettings, rank: Rank = LEADS) -> Health:
    """Return what says how this control is."""
    store = settings.store.kind if settings.store is not None else None
    journal = core.journal
    health = Health(
        outside.link,
        core.image,
        core.book,
        journal.recorder,
        journal.audit,
        core.term,
        core.clock,
        checkpoints=journal.checkpoints,
        store=store,
        rank=rank,
    )
    health.inbox = outside.inbox
    return health


def provider_of(settings: OidcBlock | None, park: Park, wall: Clock) -> Provider | None:
    """Return the site's sign-in provider; None where it has none. Raises ConfigurationError when its secret cannot be read."""
    if settings is None:
        return None
    client = Client(
        issuer=settings.issuer,
        client_id=settings.client_id,
        redirect_uri=settings.redirect_uri,
        roles_claim=settings.roles_claim,
        roles={value: frozenset(roles) for value, roles in settings.roles.items()},
        enterprise_claim=settings.enterprise_claim,
        scope=settings.scope,
    )
    file = settings.client_secret_file
    secret = None if file is None else read_secret(file, "oidc.client_secret_file")
    return Provider(client, Words(settings.zh, settings.en), park, wall, secret=secret, ca=settings.ca)


def parts_of(core: Core, hub: Hub, health: Health, settings: ControlSettings, wall: Clock) -> Parts:
    """Return what the API works with."""
    store = settings.store
    recorder = core.journal.recorder
    return Parts(
        park=core.park,
        image=core.image,
        view=core.view,
        desk=core.desk,
        book=core.book,
        archive=core.archive,
        orders=core.orders,
        tickets=core.tickets,
        tags=Tags(core.park, core.orders, recorder, core.clock),
        overrides=core.overrides,
        commissioning=core.commissioning,
        travels=core.travels,
        runner=core.runner,
        reopener=core.reopener,
        alarms=core.alarms,
        hand_reports=core.hand_reports,
        hub=hub,
        accounts=core.accounts,
        sessions=core.sessions,
        tokens=core.tokens,
        passwords=Passwords(settings.people.password_cost),
        provider=provider_of(settings.oidc, core.park, wall),
        strangers=Strangers(),
        audit=core.journal.audit,
        checkpoints=core.journal.checkpoints,
        recorder=recorder,
        history=open_history(store, park=core.park.id) if store is not None else None,
        clock=core.clock,
        wall=wall,
        changes=core.changes,
        health=health.body,
        readiness=health.readiness,
        registry=health.registry,
        is_https=settings.api.is_https,
        rank=health.rank,
    )
