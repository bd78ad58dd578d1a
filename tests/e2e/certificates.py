"""Certificates for tests, made with the openssl program."""
import subprocess


class Authority:
    """A CA in a directory, and certificates it signs."""

    def __init__(self, site, name="ca"):
        self.site = site
        self.name = name
        self.certificate = site.file(f"{name}.pem")
        self.key = site.file(f"{name}.key")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                      "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.key, "-out", self.certificate)

    def issue(self, *names, file=None, days=30):
        """(certificate, key) for these names; readable for the user that the gateway becomes."""
        stem = file or names[0].replace("*", "star")
        request, certificate, key = (self.site.file(f"{stem}.{end}") for end in ("csr", "pem", "key"))
        alternatives = ",".join(("IP:" if name.replace(".", "").isdigit() else "DNS:") + name for name in names)
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={names[0]}",
                      "-addext", f"subjectAltName={alternatives}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", str(days),
                      "-copy_extensions", "copy", "-out", certificate)
        key.chmod(0o644)
        return str(certificate), str(key)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
