"""Signing: which key signs for a log, and that every key it ever signed with is on record in it.

Here: the signing key, recorded when it is first used; a change of keys; the keys that a checkpoint may be
    signed with. A key that the log names and that is gone is an error, never replaced in silence.
Not here: key files (audit/keys.py), what is signed (ledger_proofs.py).
"""

from __future__ import annotations

from pathlib import Path

from audit.keys import RECORD, change_key, public_keys, recorded_keys, signing_key
from audit.notes import SignerKey, VerifierKey
from pipelines.definitions import blank_event, signed
from pipelines.settings import Settings
from ratings.errors import LedgerError
from warehouse.event_log import Ledger, event_frame


def keys_directory(settings: Settings) -> Path:
    """Where the keys of a warehouse's log lie."""
    return settings.warehouse / "keys"


def signer(settings: Settings, ledger: Ledger) -> SignerKey:
    """The key that signs now. On first use it is made, and recorded in the log.

    Raises:
        LedgerError: the key that the log names is not here, or cannot be read; or it cannot be recorded.
    """
    directory, recorded = keys_directory(settings), recorded_keys(ledger)
    key = signing_key(directory, ledger.origin, first_use=not recorded)
    if not recorded or key.verifier != recorded[-1]:
        # A newer key beside the recorded one is a change of keys that was broken off before it was recorded.
        here = [each.key for each in public_keys(directory, ledger.origin)]
        if recorded and (key.verifier in recorded or recorded[-1] not in here):
            raise LedgerError(
                f"checkpoints of this log are signed with the key {recorded[-1]}, and {directory} holds "
                "another",
                hint="put the directory back from a backup, or give the --warehouse that holds it; if the "
                "key is lost for good, run `starledger ledger key --new` and tell all who check the log",
            )
        _record(settings, ledger, key.verifier)
    return key


def recorded_signer(settings: Settings, ledger: Ledger) -> SignerKey:
    """The key that signs now, for whoever only reads: on record already, and here.

    Raises:
        LedgerError: no key is on record, or the one on record is not here.
    """
    recorded = recorded_keys(ledger)
    if not recorded:
        raise LedgerError("no key of this log is on record", hint="make one: starledger ledger key")
    key = signing_key(keys_directory(settings), ledger.origin, first_use=False)
    if key.verifier != recorded[-1]:
        raise LedgerError(
            f"this log is signed with the key {recorded[-1]}, and {keys_directory(settings)} holds another",
            hint="see `starledger ledger key`",
        )
    return key


def new_signer(settings: Settings, ledger: Ledger) -> VerifierKey:
    """Make a new key, which signs from now on; old public keys are kept, so that old checkpoints verify."""
    key = change_key(keys_directory(settings), ledger.origin).key
    _record(settings, ledger, key)
    return key


def known_keys(settings: Settings, ledger: Ledger) -> list[VerifierKey]:
    """Every key that a checkpoint of this log may be signed with: on record, or in the directory."""
    here = [each.key for each in public_keys(keys_directory(settings), ledger.origin)]
    return list(dict.fromkeys([*recorded_keys(ledger), *here]))


def _record(settings: Settings, ledger: Ledger, key: VerifierKey) -> None:
    said = {"kind": "signing_key", "id": ledger.origin, "key": str(key)}
    batch = signed(settings, "definition", f"{RECORD}{key}", "checkpoints are signed with it from now on")
    ledger.append(batch, event_frame([blank_event("definition", said)]))
