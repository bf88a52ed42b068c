"""Rules of prescribing and executing: one module for one family, each a pure function over lines, facts and tables."""
