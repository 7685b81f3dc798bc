"""A certificate authority of a test's own."""
import driver


class Authority:
    """Issues certificates for the loopback address into one folder."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.file, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-subj", f"/CN=test {name}", "-days", "2",
                     "-addext", "basicConstraints=critical,CA:TRUE",
                     "-addext", "keyUsage=critical,keyCertSign", "-keyout", self.key,
                     "-out", self.file)

    def openssl(self, *words):
        return driver.run(["openssl", *words], cwd=self.folder).stdout.decode()

    def issue(self, name, days=2, start=None):
        """Certificate and key, both files; the key 0600. days may be negative: expired."""
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n"
                              "extendedKeyUsage=serverAuth\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key,
                     "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", cert)
        key.chmod(0o600)
        return cert, key
