"""The composition root: the only place where the parts are wired together."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from fhirserver.access import issuer, keys
from fhirserver.access.tokens import Trust, Verifier
from fhirserver.definitions import Definitions, PackageSource, load
from fhirserver.fhirpath import Engine
from fhirserver.interactions.capabilities import Capabilities
from fhirserver.interactions.checking import Checker
from fhirserver.interactions.router import Router
from fhirserver.interactions.services import Services
from fhirserver.operations.registry import Operations
from fhirserver.search.extract import Indexer
from fhirserver.search.registry import Registry
from fhirserver.settings import Settings
from fhirserver.store import Index, Store
from fhirserver.terminology import Terminology
from fhirserver.validation import Validator
from fhirserver.validation.policy import Policy
from fhirserver.wire.application import build
from fhirserver.wire.formats import JSON, Formats
from fhirserver.wire.gateway import Gateway


def definitions(settings: Settings) -> Definitions:
    """Load the packages in force: R4 core and the project's own profiles."""
    core: Path = settings.cache / "packages" / "hl7.fhir.r4.core-4.0.1.tgz"
    return load([PackageSource.of(core), PackageSource.of(settings.profiles)], settings.cache / "compiled")


def indexes(settings: Settings) -> list[Index]:
    """Return the indexes that other rooms than the store need."""
    return []


def services(settings: Settings, store: Store) -> Services:
    """Wire the parts that interactions work with."""
    loaded = definitions(settings)
    engine = Engine(loaded)
    terminology = Terminology(loaded)
    policy = Policy.read(settings.profile_policy)
    registry = Registry(loaded)
    operations = Operations()
    types = frozenset(settings.types) or loaded.resource_types
    formats = ("json",)
    made = Services(
        settings=settings,
        definitions=loaded,
        store=store,
        checker=Checker(Validator(loaded, terminology, engine), policy, enabled=settings.validation == "on"),
        registry=registry,
        indexer=Indexer(registry),
        searcher=None,
        operations=operations,
        capabilities=Capabilities(settings, loaded, types, registry, operations, policy, formats, ()),
        types=types,
    )
    Router(made)
    return made


def verifier(settings: Settings) -> Verifier:
    """Return what checks tokens: the issuers of the settings, and the demo's where it is believed."""
    trusts = [Trust(keys.load(settings.token_keys), settings.token_issuers)]
    if settings.believes_demo_issuer:
        trusts.append(Trust((issuer.public_key(settings.state),), (issuer.ISSUER,)))
    return Verifier(trusts, settings.token_audience)


def create_app(settings: Settings) -> Flask:
    """Return the WSGI application of one server process."""
    store = Store(settings.mongodb_uri, settings.database)
    made = services(settings, store)
    gateway = Gateway(settings, Formats((JSON,)), verifier(settings), made.router, store.audit.record)
    return build(gateway, store.ping)
