"""What follows a commit in the records of the DMP: documents of prescriptions and dispensings, notifications."""
