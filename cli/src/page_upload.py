import mimetypes
import pathlib
import sys

import boto3

folder, bucket, config = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
s3 = boto3.client("s3")
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("image/svg+xml", ".svg")


def put(key, body, content_type, cache):
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, CacheControl=cache)


put("config.json", config.encode(), "application/json", "no-cache")
files = [path for path in folder.rglob("*") if path.is_file()]
# The names of assets change with what is in them. The page names them, so it comes last: nobody gets
# a page whose assets are not there yet. Older assets stay, for those who have the older page open.
for path in sorted(files, key=lambda path: path.name == "index.html"):
    key = path.relative_to(folder).as_posix()
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    is_asset = key.startswith("assets/")
    cache = "public, max-age=31536000, immutable" if is_asset else "no-cache"
    put(key, path.read_bytes(), content_type, cache)
