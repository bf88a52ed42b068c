"""The composition root: the only place where the parts are wired together."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from flask import Flask

from fhirserver.access import issuer, keys
from fhirserver.access.secrets import made_secret
from fhirserver.access.tokens import Trust, Verifier
from fhirserver.definitions.pinned.inforce import in_force
from fhirserver.dmp import habilitation
from fhirserver.documents.guard import DocumentGuard
from fhirserver.fhirpath import Engine
from fhirserver.interactions import patch
from fhirserver.interactions.capabilities import Capabilities
from fhirserver.interactions.guards import Guards
from fhirserver.interactions.later import accepting, doing
from fhirserver.interactions.outbox import Handler
from fhirserver.interactions.router import Router
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes.checking import Checker
from fhirserver.operations import dmp, document, everything, generate_metadata, meta, reindex, validate
from fhirserver.operations.prescription import offered as prescription_operations
from fhirserver.operations.registry import Operations
from fhirserver.operations.terminology import offered as terminology_operations
from fhirserver.operations.terminology import stored as stored_terminology
from fhirserver.pages import browser
from fhirserver.pages.facts import facts
from fhirserver.records import indexes as record_indexes
from fhirserver.records.after import merging, notifying
from fhirserver.records.guard import RecordGuard
from fhirserver.search.asked.codes import TerminologyTokens
from fhirserver.search.asked.cursors import Cursors
from fhirserver.search.asked.parse import Rules
from fhirserver.search.declared.registry import Registry
from fhirserver.search.indexing import indexes as search_indexes
from fhirserver.search.indexing.extract import Indexer
from fhirserver.search.mongo.searching import Searcher
from fhirserver.search.mongo.upkeep import Upkeep
from fhirserver.search.types.values import Setting
from fhirserver.settings import Settings
from fhirserver.store import Index, Store, administered
from fhirserver.terminology import Terminology
from fhirserver.terminology.library import Library
from fhirserver.validation import Validator
from fhirserver.validation.policy import Policy
from fhirserver.wire.application import build
from fhirserver.wire.description.building import Surface
from fhirserver.wire.formats import JSON, Formats, xml
from fhirserver.wire.gateway import Gateway
from fhirserver.wire.xml.formatting import XmlCodec
from fhirserver.workflow.after import handlers as prescription_handlers
from fhirserver.workflow.after.receipts import published
from fhirserver.workflow.context import Workflow, workflow
from fhirserver.workflow.guard import PrescriptionGuard

FORMATS: Final = ("json", "xml", "application/fhir+json", "application/fhir+xml")


def indexes() -> Sequence[Index]:
    """Return the indexes that other rooms than the store need."""
    return (*search_indexes.INDEXES, *record_indexes.INDEXES)


def services(settings: Settings, store: Store) -> Services:
    """Wire the parts that interactions work with."""
    loaded = in_force(settings)
    engine = Engine(loaded)
    library = Library(settings.state / "terminology")
    terminology = Terminology(loaded, library.systems(), value_sets=library.resources())
    policy = Policy.read(settings.profile_policy)
    registry = Registry(loaded, precedence=settings.search_packages, engine=engine)
    setting = Setting(settings.time_zone, (f"{settings.public_url.rstrip('/')}/fhir/",) if settings.public_url else ())
    operations = Operations(
        (
            validate.OPERATION,
            everything.OPERATION,
            dmp.operation(habilitation.load(settings.dmp_habilitation)),
            document.OPERATION,
            generate_metadata.OPERATION,
            reindex.OPERATION,
            *meta.OPERATIONS,
            *terminology_operations.OPERATIONS,
            *prescription_operations.operations(workflow(settings)),
        )
    )
    types = frozenset(settings.types) or loaded.resource_types
    codec = XmlCodec(loaded)
    indexer = Indexer(registry, setting)
    tokens = TerminologyTokens(terminology)
    made = Services(
        settings=settings,
        definitions=loaded,
        store=store,
        checker=Checker(
            Validator(loaded, terminology, engine),
            policy,
            enabled=settings.validation == "on",
            refuse_unknown_profiles=settings.unknown_profiles == "refuse",
        ),
        registry=registry,
        indexer=indexer,
        searcher=searcher(settings, store, registry, Rules(setting, expand=tokens)),
        operations=operations,
        capabilities=Capabilities(
            settings, loaded, types, registry, operations, policy, FORMATS, patch.MEDIA, terminology
        ),
        engine=engine,
        terminology=terminology,
        xml=codec,
        types=types,
        guards=guards(settings, policy, workflow(settings)),
    )
    tokens.stored = partial(stored_terminology.named, made)
    Router(made)
    Upkeep(store, registry, indexer).start()
    return made


def guards(settings: Settings, policy: Policy, prescriptions: Workflow) -> Guards:
    """Return the rules that take part in interactions."""
    documents = DocumentGuard(in_force=policy.claims)
    matrix = habilitation.load(settings.dmp_habilitation)
    records = RecordGuard(matrix, documents, at_identity=settings.dmp_creation == "identity")
    return Guards((PrescriptionGuard(prescriptions), documents, records))


def handlers(settings: Settings) -> Sequence[Mapping[str, Handler]]:
    """Return what does the tasks of the outbox, by their kind.

    The tasks of one mapping are done one after the other, those of several mappings side by side: what takes long needs
    a mapping of its own.
    """
    requests = {accepting.KIND: doing.do}
    told = notifying.writing(habilitation.load(settings.dmp_habilitation))
    return (
        {**prescription_handlers.handlers(workflow(settings)), **told, merging.MERGE: merging.merge},
        notifying.sending(),
        requests,
        requests,
    )


def searcher(settings: Settings, store: Store, registry: Registry, rules: Rules) -> Searcher:
    """Return what searches the store."""
    secret = settings.cursor_secret.encode() or made_secret(settings.state / "cursor.key")
    rules = replace(rules, page_size=settings.page_size, max_page_size=settings.max_page_size)
    return Searcher(store, registry, rules, Cursors(secret), settings.search_seconds)


def verifier(settings: Settings) -> Verifier:
    """Return what checks tokens: the issuers of the settings, and the demo's where it is believed."""
    trusts = [Trust(keys.load(settings.token_keys), settings.token_issuers)]
    if settings.believes_demo_issuer:
        trusts.append(Trust((issuer.public_key(settings.state),), (issuer.ISSUER,)))
    return Verifier(trusts, settings.token_audience)


def create_app(settings: Settings, *, ahead: bool = False) -> Flask:
    """Return the WSGI application of one server process.

    Args:
        settings: in force.
        ahead: make ready, while the first requests are answered, what the first of its kind would wait for.
    """
    store = Store(settings.mongodb_uri, settings.database, longest=settings.search_seconds)
    administered.connect(store, settings.mongodb_uri)
    made = services(settings, store)
    formats = Formats((JSON, xml(XmlCodec(made.definitions))))
    believed = verifier(settings)
    gateway = Gateway(settings, formats, believed, made.router, store.audit.record, lambda: store.away)
    surface = Surface(made.types, made.operations.all, made.definitions, made.registry)
    app = build(gateway, store.ping, surface)
    signing = published(settings.state)
    app.add_url_rule("/.well-known/jwks.json", "keys", lambda: signing)
    browser.add(app, gateway, believed, facts(made, tuple(issuer.PERSONAS)))
    if ahead:
        threading.Thread(target=made.capabilities.prepare, name="capabilities", daemon=True).start()
    return app
