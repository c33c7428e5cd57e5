"""Reads or writes the store in which the edge looks up the keys of playback tokens.

    read ARN         prints its entries as JSON
    add ARN FILE     stores the entries of a JSON file beside those that are there
    replace ARN FILE stores them, and removes all others

Entries are secret: they come in a file, and not as arguments, which others can see.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest


class Emulated:
    """The store of an emulator, which takes no signature that is valid in all regions, as AWS asks for."""

    def __init__(self, arn):
        self.url = os.environ["AWS_ENDPOINT_URL"] + "/key-value-stores/" + urllib.parse.quote(arn, safe="")
        self.session = boto3.Session()

    def call(self, method, path="", body=None, etag=None):
        request = AWSRequest(method, self.url + path, data=json.dumps(body) if body else None)
        request.headers["Content-Type"] = "application/json"
        if etag:
            request.headers["If-Match"] = etag
        credentials = self.session.get_credentials()
        SigV4Auth(credentials, "cloudfront-keyvaluestore", self.session.region_name).add_auth(request)
        data = request.data.encode() if isinstance(request.data, str) else request.data or None
        sent = urllib.request.Request(self.url + path, data, dict(request.headers.items()), method=method)
        with urllib.request.urlopen(sent) as answer:
            return answer.headers, json.loads(answer.read() or b"{}")

    def entries(self):
        _, answer = self.call("GET", "/keys")
        return {item["Key"]: item["Value"] for item in answer.get("Items", [])}

    def update(self, puts, deletes):
        headers, _ = self.call("GET")
        self.call("POST", "/keys", {"Puts": puts, "Deletes": deletes}, headers["ETag"])


class Deployed:
    def __init__(self, arn):
        self.arn = arn
        self.client = boto3.client("cloudfront-keyvaluestore")

    def entries(self):
        pages = self.client.get_paginator("list_keys").paginate(KvsARN=self.arn)
        return {item["Key"]: item["Value"] for page in pages for item in page.get("Items", [])}

    def update(self, puts, deletes):
        etag = self.client.describe_key_value_store(KvsARN=self.arn)["ETag"]
        self.client.update_keys(KvsARN=self.arn, IfMatch=etag, Puts=puts, Deletes=deletes)


def main(operation, arn, file=None):
    store = (Emulated if "AWS_ENDPOINT_URL" in os.environ else Deployed)(arn)
    known = store.entries()
    if operation == "read":
        return print(json.dumps(known))
    with open(file) as entries:
        wanted = json.load(entries)
    puts = [{"Key": key, "Value": value} for key, value in wanted.items() if known.get(key) != value]
    deletes = [{"Key": key} for key in known if key not in wanted and operation == "replace"]
    if puts or deletes:
        store.update(puts, deletes)


try:
    main(*sys.argv[1:])
except Exception as error:
    # Without a traceback, whose lines could show an entry.
    sys.exit(f"{type(error).__name__}: {error}")
