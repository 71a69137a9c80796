"""Whether others' readers take a release's bill of materials and provenance: accepted.py BILL PROVENANCE

CycloneDX's own library holds the bill against its schema, which also refuses fields that are none; in-toto's own types read the
statement. Ends with 1 and what they say when one does not.
"""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main(bill, provenance):
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(read(bill))
    if wrong is not None:
        sys.exit(f"{bill}: {wrong}")
    print(f"{bill}: CycloneDX 1.6")
    read_as = json_format.ParseDict(json.loads(read(provenance)), statement_pb2.Statement())
    statement = Statement.copy_from_pb(read_as)
    try:
        statement.validate()
    except ValueError as error:
        sys.exit(f"{provenance}: {error}")
    print(f"{provenance}: in-toto statement, {statement.pb.predicate_type}")


main(*sys.argv[1:])
