"""An authority of our own, and certificates that it has signed."""

import ssl
from pathlib import Path

import trustme


class Files:
    """An authority and what it has signed, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca)

    def signed(
        self, name: str, *more: str, kind: trustme.KeyType = trustme.KeyType.ECDSA
    ) -> tuple[str, str]:
        """Return the files of the key and of the certificate of `name`, and of `more` names."""
        leaf = self.authority.issue_cert(name, *more, "127.0.0.1", "localhost", key_type=kind)
        key, cert = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        leaf.private_key_pem.write_to_path(key)
        for number, pem in enumerate(leaf.cert_chain_pems):
            pem.write_to_path(cert, append=number > 0)
        return str(key), str(cert)

    def trusting(self, *mine: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        if mine:
            key, cert = mine
            context.load_cert_chain(cert, key)
        return context
