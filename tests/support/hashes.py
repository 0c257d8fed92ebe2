"""Password hashes that other programs made, with the passwords."""

import json
from pathlib import Path

# Made by the libraries that they are named after: test_foreign.py has the program, and makes them anew.
VECTORS: dict[str, dict[str, str]] = json.loads(Path(__file__).with_suffix(".json").read_text())
# Of the README of Google's own scrypt for Firebase.
PARAMETERS = """hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}"""
OF_FIREBASE = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
FIREBASE_SALT = "42xEC+ixf3L2lw=="
