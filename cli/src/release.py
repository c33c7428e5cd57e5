"""What `cargo reelrun` asks of AWS, and does there, about the versions of a stack's functions."""

import datetime
import hashlib
import json
import sys

import boto3


def name_of(settings, paths):
    """A name for what is deployed: the same for the same files and settings."""
    digest = hashlib.sha256(settings.encode())
    for path in paths:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()[:12]


def age_seconds(published):
    at = datetime.datetime.strptime(published, "%Y-%m-%dT%H:%M:%S.%f%z")
    return int((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds())


def survey(stack_name):
    """The functions' versions and aliases, and the versions that running executions call."""
    formation, functions, states = boto3.client("cloudformation"), boto3.client("lambda"), boto3.client("stepfunctions")
    try:
        [stack] = formation.describe_stacks(StackName=stack_name)["Stacks"]
    except formation.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        return {"functions": {}, "running": []}
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    resources = formation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    published = dict(
        resource["PhysicalResourceId"].split(":function:")[1].split(":")
        for page in resources
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Version"
        and resource["ResourceStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    )
    found = {}
    for output, name in outputs.items():
        if not output.endswith("FunctionName"):
            continue
        versions = [
            {
                "number": int(version["Version"]),
                "age_seconds": age_seconds(version["LastModified"]),
                "release": version.get("Environment", {}).get("Variables", {}).get("RELEASE", ""),
            }
            for page in functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
            for version in page["Versions"]
            if version["Version"] != "$LATEST"
        ]
        aliases = {
            alias["Name"]: int(alias["FunctionVersion"])
            for page in functions.get_paginator("list_aliases").paginate(FunctionName=name)
            for alias in page["Aliases"]
            if alias["FunctionVersion"] != "$LATEST"
        }
        deployed = int(published[name]) if name in published else None
        found[name] = {"deployed": deployed, "versions": versions, "aliases": aliases}
    machine = outputs.get("StateMachineArn")
    running = set()
    executions = states.get_paginator("list_executions")
    for page in executions.paginate(stateMachineArn=machine, statusFilter="RUNNING") if machine else []:
        for execution in page["executions"]:
            said = states.describe_execution(executionArn=execution["executionArn"])
            running.add(json.loads(said["input"]).get("function"))
    return {"functions": found, "running": sorted(running - {None})}


def apply(steps):
    """Points aliases (all of them, or none) and then deletes versions."""
    functions = boto3.client("lambda")
    done = []

    def point(name, alias, version):
        which = {"FunctionName": name, "Name": alias}
        try:
            before = functions.get_alias(**which)["FunctionVersion"]
            functions.update_alias(**which, FunctionVersion=version)
        except functions.exceptions.ResourceNotFoundException:
            before = None
            functions.create_alias(**which, FunctionVersion=version)
        done.append((which, before))

    try:
        for step in steps["point"]:
            point(step["function"], step["alias"], str(step["version"]))
    except BaseException:
        for which, before in reversed(done):
            if before is None:
                functions.delete_alias(**which)
            else:
                functions.update_alias(**which, FunctionVersion=before)
        raise
    for step in steps["delete"]:
        try:
            functions.delete_function(FunctionName=step["function"], Qualifier=str(step["version"]))
        except functions.exceptions.ClientError as error:
            # It costs nothing but room, and the next deployment tries again.
            print(error, file=sys.stderr)


try:
    match sys.argv[1:]:
        case ["name", settings, *paths]:
            print(name_of(settings, paths))
        case ["survey", stack_name]:
            print(json.dumps(survey(stack_name)))
        case ["apply", steps]:
            apply(json.loads(steps))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
