"""What follows a commit: the PDF, the receipts, the worker of the outbox."""
