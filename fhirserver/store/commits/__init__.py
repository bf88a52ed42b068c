"""How writes become durable: commits, transactions, business keys, and their time."""
