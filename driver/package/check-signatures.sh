#!/bin/sh
# Asks programs that nobody here wrote about a package made here: osslsigncode, openssl, and the Python packages signify
# (Authenticode by Microsoft's rules) and LIEF. For use by hand after a change to signatures or catalogs; the tests ask
# osslsigncode themselves.
#
#   driver/package/check-signatures.sh PACKAGE-FOLDER CERTIFICATE.pem [NAME]
#
# Needs osslsigncode, openssl and python3 with venv. Writes to a temporary folder only.
set -eu
package=$(cd "$1" && pwd)
certificate=$(realpath "$2")
name=${3:-waverig}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$package"

ask() {
    if "$@" >"$work/answer" 2>&1; then
        echo "accepted: $*"
    else
        cat "$work/answer"
        echo "REFUSED: $*"
        exit 1
    fi
}

# osslsigncode has no kind for INFs; a file named like a script is looked up by the digest of all its bytes, as an INF is.
cp "$name.inf" "$work/$name.inf.ps1"
ask osslsigncode verify -CAfile "$certificate" "$name.sys"
ask osslsigncode verify -CAfile "$certificate" "$name.cat"
ask osslsigncode verify -CAfile "$certificate" -catalog "$name.cat" "$name.sys"
ask osslsigncode verify -CAfile "$certificate" -catalog "$name.cat" "$work/$name.inf.ps1"
ask openssl asn1parse -inform der -in "$name.cat"
ask openssl pkcs7 -inform der -in "$name.cat" -print_certs -noout

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet signify lief
# oscrypto 1.3, which signify uses, does not understand OpenSSL versions with two digits such as 3.0.13.
find "$work/venv" -path '*oscrypto/_openssl/_libcrypto_c*.py' \
    -exec sed -i 's/\\\\b(\\\\d\\\\.\\\\d\\\\.\\\\d\[a-z\]\*)\\\\b/(\\\\d+\\\\.\\\\d+\\\\.\\\\d+[a-z]*)/' {} +
ask "$work/venv/bin/python" - "$name" "$certificate" <<'PYTHON'
import ssl, sys
import lief
from signify.authenticode.signed_file.base import AuthenticodeFile
from signify.x509 import Certificate, CertificateStore

name, pem = sys.argv[1:]
image = lief.parse(f"{name}.sys")
assert image.verify_signature() == lief.PE.Signature.VERIFICATION_FLAGS.OK, "LIEF"
certificate = Certificate.from_der(ssl.PEM_cert_to_DER_cert(open(pem).read()))
store = CertificateStore([certificate], trusted=True)
for file, kind in [("sys", "embedded"), ("sys", "catalog"), ("inf", "catalog")]:
    with open(f"{name}.{file}", "rb") as stream, open(f"{name}.cat", "rb") as catalog:
        subject = AuthenticodeFile.from_stream(stream, allow_flat=True)
        subject.add_catalog(catalog)
        assert subject.verify(trusted_certificate_store=store, signature_types=kind), (file, kind)
PYTHON
echo "every program accepts $package"
