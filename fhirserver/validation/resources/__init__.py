"""Rules of whole resources: contained ones, Bundles, references between them, questionnaires."""
