# SPDX-License-Identifier: Apache-2.0
"""From type hints to JSON Schema, and from JSON values to what the hints promise."""

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import inspect
import json
import pathlib
import sys
import types
import typing
import uuid

MAX_DEPTH = 12
UnionType = getattr(types, "UnionType", typing.Union)
is_typeddict = getattr(typing, "is_typeddict", lambda hint: hasattr(hint, "__required_keys__"))


class BadArgument(Exception):
    """An argument that does not fit its annotation."""


def is_pydantic(hint):
    return isinstance(hint, type) and (hasattr(hint, "model_json_schema") or hasattr(hint, "__fields__") and hasattr(hint, "parse_obj"))


def pydantic_schema(model):
    schema = model.model_json_schema() if hasattr(model, "model_json_schema") else model.schema()
    return inline_definitions(schema)


def inline_definitions(schema):
    """Replaces local references by what they mean, so that a schema can stand inside another."""
    definitions = {}
    for key in ("$defs", "definitions"):
        for name, value in schema.get(key, {}).items():
            definitions["#/%s/%s" % (key, name)] = value
    return inline({k: v for k, v in schema.items() if k not in ("$defs", "definitions")}, definitions, ())


def inline(schema, definitions, path):
    if isinstance(schema, list):
        return [inline(item, definitions, path) for item in schema]
    if not isinstance(schema, dict):
        return schema
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref in definitions:
        if ref in path:
            return {}  # it contains itself: from here on anything goes, and the model judges
        rest = {k: v for k, v in schema.items() if k != "$ref"}
        return inline({**definitions[ref], **rest}, definitions, path + (ref,))
    return {k: inline(v, definitions, path) for k, v in schema.items()}


def literal_schema(values):
    values = [v.value if isinstance(v, enum.Enum) else v for v in values]
    schema = {"enum": values}
    kinds = {json_kind(v) for v in values}
    if len(kinds) == 1 and None not in kinds:
        schema["type"] = kinds.pop()
    return schema


def json_kind(value):
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((str, "string"), (int, "integer"), (float, "number")):
        if isinstance(value, kind):
            return name
    return None


SIMPLE = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    bytes: {"type": "string"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    pathlib.Path: {"type": "string"},
    decimal.Decimal: {"type": ["number", "string"]},
    uuid.UUID: {"type": "string", "format": "uuid"},
    datetime.timedelta: {"type": "number", "description": "seconds"},
}
# What says no more than the type in it.
QUALIFIERS = tuple(getattr(typing, name) for name in ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar") if hasattr(typing, name))
# Constraints in Annotated, as Pydantic and annotated-types name them, and JSON Schema.
CONSTRAINTS = (
    ("ge", "minimum"), ("gt", "exclusiveMinimum"), ("le", "maximum"), ("lt", "exclusiveMaximum"), ("multiple_of", "multipleOf"),
    ("min_length", "minLength"), ("max_length", "maxLength"), ("pattern", "pattern"), ("regex", "pattern"),
)
LISTS = (list, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Set)
DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def schema_of(hint, depth=0):
    """The JSON Schema of a type hint; what is not understood may be anything."""
    if depth > MAX_DEPTH or hint in (inspect.Parameter.empty, typing.Any, object):
        return {}
    try:
        if hint in SIMPLE:
            return dict(SIMPLE[hint])
    except TypeError:
        return {}
    if is_pydantic(hint):
        return pydantic_schema(hint)
    if isinstance(hint, type) and issubclass(hint, enum.Flag):
        return {"type": "integer", "minimum": 0, "maximum": all_flags(hint)}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return literal_schema(list(hint))
    if has_fields(hint):
        return fields_schema(hint, depth)
    if is_typeddict(hint):
        return typeddict_schema(hint, depth)
    return generic_schema(hint, depth)


def generic_schema(hint, depth):
    origin, args = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is typing.Annotated:
        return annotated_schema(args, depth)
    if origin is typing.Literal:
        return literal_schema(list(args))
    if origin is typing.Union or origin is UnionType:
        return union_schema(args, depth)
    if origin is tuple:
        return tuple_schema(args, depth)
    if origin in LISTS:
        schema = {"type": "array"}
        if args:
            schema["items"] = schema_of(args[0], depth + 1)
        if origin in (set, frozenset, collections.abc.Set):
            schema["uniqueItems"] = True
        return schema
    if origin in DICTS:
        schema = {"type": "object"}
        if len(args) == 2:
            schema["additionalProperties"] = schema_of(args[1], depth + 1) or True
        return schema
    if origin in QUALIFIERS and args:
        return schema_of(args[0], depth + 1)
    if hasattr(hint, "__supertype__"):
        return schema_of(hint.__supertype__, depth + 1)
    return {}


def annotated_schema(args, depth):
    schema = schema_of(args[0], depth + 1)
    for note in args[1:]:
        schema = described(schema, note)
    return schema


def described(schema, note):
    """Adds what a note says: a text, or the fields of Pydantic and annotated-types."""
    schema = dict(schema)
    text = note if isinstance(note, str) else getattr(note, "description", None)
    if isinstance(text, str) and (isinstance(note, str) or is_field(note)):
        schema["description"] = text
    if not is_field(note) and type(note).__module__ != "annotated_types":
        return schema
    for part in [note, *(getattr(note, "metadata", None) or [])]:
        for name, word in CONSTRAINTS:
            bound = getattr(part, name, None)
            if isinstance(bound, (int, float, str)) and not isinstance(bound, bool):
                lists = schema.get("type") == "array" and word in ("minLength", "maxLength")
                schema[word.replace("Length", "Items") if lists else word] = bound
    return schema


def is_field(note):
    return type(note).__name__ == "FieldInfo"


def default_of(default):
    """The default itself, also where a Field of Pydantic holds it."""
    if not is_field(default):
        return default
    if callable(default.default_factory):
        return default.default_factory()
    missing = default.default is Ellipsis or type(default.default).__name__.startswith("PydanticUndefined")
    return inspect.Parameter.empty if missing or type(default.default).__name__ == "UndefinedType" else default.default


def union_schema(args, depth):
    options = [schema_of(a, depth + 1) for a in args]
    if any(option == {} for option in options):
        return {}
    simple = [option["type"] for option in options if set(option) == {"type"} and isinstance(option["type"], str)]
    if len(simple) == len(options):
        return {"type": simple[0] if len(simple) == 1 else simple}
    return {"anyOf": options}


def tuple_schema(args, depth):
    if not args:
        return {"type": "array"}
    if len(args) == 2 and args[1] is Ellipsis:
        return {"type": "array", "items": schema_of(args[0], depth + 1)}
    return {
        "type": "array",
        "prefixItems": [schema_of(a, depth + 1) for a in args],
        "minItems": len(args),
        "maxItems": len(args),
    }


def all_flags(cls):
    found = 0
    for member in cls.__members__.values():
        found |= member.value
    return found


def has_fields(hint):
    """Whether it is a dataclass or a NamedTuple."""
    return isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, tuple) and hasattr(hint, "_field_defaults"))


def fields_of(cls):
    """Name and default of each field, and whether it must be given."""
    if not dataclasses.is_dataclass(cls):
        return [(name, cls._field_defaults.get(name, dataclasses.MISSING), name not in cls._field_defaults) for name in cls._fields]
    fields = [f for f in dataclasses.fields(cls) if f.init]
    return [(f.name, f.default, f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING) for f in fields]


def fields_schema(cls, depth):
    hints = hints_of(cls)
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    required = []
    for name, default, needed in fields_of(cls):
        schema["properties"][name] = with_default(schema_of(hints.get(name, typing.Any), depth + 1), default)
        if needed:
            required.append(name)
    if required:
        schema["required"] = required
    return schema


def typeddict_schema(cls, depth):
    hints = hints_of(cls)
    schema = {"type": "object", "properties": {name: schema_of(hint, depth + 1) for name, hint in hints.items()}}
    required = sorted(getattr(cls, "__required_keys__", ()))
    if required:
        schema["required"] = required
    return schema


def hints_of(thing):
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except Exception:  # one name that means nothing must not take the others away
        names = {**vars(typing), **getattr(sys.modules.get(thing.__module__), "__dict__", {}), **getattr(thing, "__globals__", {})}
        return {name: resolved(hint, names) for name, hint in getattr(thing, "__annotations__", {}).items()}


def resolved(hint, names):
    if not isinstance(hint, str):
        return hint
    try:
        return typing.get_type_hints(types.SimpleNamespace(__annotations__={"it": hint}), names, include_extras=True)["it"]
    except Exception:
        return typing.Any


def with_default(schema, default):
    if default is inspect.Parameter.empty or default is dataclasses.MISSING or default is None:
        return schema
    if isinstance(default, enum.Enum):
        default = default.value
    if isinstance(default, datetime.timedelta):
        default = default.total_seconds()
    try:
        if isinstance(default, tuple) and has_fields(type(default)):
            default = default._asdict()
        return {**schema, "default": json.loads(json.dumps(default, allow_nan=False))}
    except Exception:  # a module's own object may raise anything
        return schema


def convert(value, hint, where, depth=0):
    """Makes of a JSON value what the annotation promises to the function."""
    if depth > MAX_DEPTH or hint in (inspect.Parameter.empty, typing.Any, object):
        return value
    origin, args = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is typing.Annotated or origin in QUALIFIERS and args:
        return convert(value, args[0], where, depth + 1)
    if is_typeddict(hint):
        return convert_typeddict(value, hint, where, depth)
    if origin is typing.Union or origin is UnionType:
        return convert_union(value, args, where, depth)
    if origin is typing.Literal:
        return convert_literal(value, args, where)
    if hasattr(hint, "__supertype__"):
        return convert(value, hint.__supertype__, where, depth + 1)
    if isinstance(hint, type) and origin is hint and not isinstance(value, hint):
        return convert_scalar(value, hint, where, depth)
    if origin is tuple:
        return convert_tuple(value, args, where, depth)
    if origin in LISTS and isinstance(value, (list, tuple)):
        items = [convert(v, args[0] if args else typing.Any, "%s[%d]" % (where, i), depth + 1) for i, v in enumerate(value)]
        return origin(items) if origin in (set, frozenset) else items
    if origin in DICTS and isinstance(value, dict):
        key, inner = args if len(args) == 2 else (typing.Any, typing.Any)
        return {convert_key(k, key, where): convert(v, inner, "%s.%s" % (where, k), depth + 1) for k, v in value.items()}
    if origin in LISTS + DICTS:
        raise BadArgument("%s: want %s, got %s" % (where, "a list" if origin in LISTS else "an object", word_for(value)))
    if hint is int and isinstance(value, bool):
        raise BadArgument("%s: want an integer, got a boolean" % where)
    return value


def convert_key(key, hint, where):
    """Makes of an object's key, which is text in JSON, the number or the member that the annotation promises."""
    if hint in (int, float):
        kinds = (hint,)
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        kinds = (hint, lambda text: hint(int(text)))
    else:
        return key
    for kind in kinds:
        try:
            return kind(key)
        except (TypeError, ValueError):
            pass
    raise BadArgument("%s: %r is no key of type %s" % (where, key, hint.__name__))


def convert_union(value, args, where, depth):
    if value is None and type(None) in args:
        return None
    options = [a for a in args if a is not type(None)]
    for option in options:
        if isinstance(option, type) and type(value) is option:
            return value
    first = None
    for option in options:
        try:
            return convert(value, option, where, depth + 1)
        except BadArgument as error:
            first = first or error
    raise first or BadArgument("%s: must be null" % where)


def convert_literal(value, args, where):
    for allowed in args:
        plain = allowed.value if isinstance(allowed, enum.Enum) else allowed
        if type(value) is type(plain) and value == plain:
            return allowed
    raise BadArgument("%s: %r is none of %s" % (where, value, ", ".join(repr(a) for a in args)))


def convert_tuple(value, args, where, depth):
    if not isinstance(value, (list, tuple)):
        raise BadArgument("%s: want a list, got %s" % (where, word_for(value)))
    if len(args) == 2 and args[1] is Ellipsis:
        args = (args[0],) * len(value)
    if args and len(args) != len(value):
        raise BadArgument("%s: want %d items, got %d" % (where, len(args), len(value)))
    return tuple(convert(v, args[i] if args else typing.Any, "%s[%d]" % (where, i), depth + 1) for i, v in enumerate(value))


def convert_scalar(value, hint, where, depth):
    if is_pydantic(hint):
        return convert_pydantic(value, hint, where)
    if issubclass(hint, enum.Flag) and not (type(value) is int and value & ~all_flags(hint) == 0):
        raise BadArgument("%s: %r is no combination of %s" % (where, value, ", ".join(repr(m.value) for m in hint.__members__.values())))
    if issubclass(hint, enum.Enum):
        try:
            return hint(value)
        except ValueError:
            raise BadArgument("%s: %r is none of %s" % (where, value, ", ".join(repr(m.value) for m in hint))) from None
    if has_fields(hint):
        return convert_fields(value, hint, where, depth)
    if hint in (decimal.Decimal, uuid.UUID):
        return convert_text(value, hint, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint is datetime.timedelta and json_kind(value) in ("integer", "number"):
        return convert_seconds(value, where)
    if hint is bytes and isinstance(value, str):
        return value.encode()
    if issubclass(hint, pathlib.PurePath) and isinstance(value, str):
        return hint(value)
    if hint in (datetime.datetime, datetime.date, datetime.time) and isinstance(value, str):
        try:
            return hint.fromisoformat(value)
        except ValueError as error:
            raise BadArgument("%s: %s" % (where, error)) from None
    if hint in LISTS and isinstance(value, list):
        return hint(value)
    if hint in SIMPLE or hint in LISTS + DICTS + (tuple,):
        raise BadArgument("%s: want %s, got %s" % (where, hint.__name__, word_for(value)))
    return value


def convert_seconds(value, where):
    try:
        return datetime.timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise BadArgument("%s: %r seconds are too many" % (where, value)) from None


def convert_text(value, hint, where):
    try:
        return hint(str(value))
    except (ValueError, ArithmeticError):
        raise BadArgument("%s: %r is no %s" % (where, value, hint.__name__)) from None


def convert_typeddict(value, hint, where, depth):
    if not isinstance(value, dict):
        raise BadArgument("%s: want an object, got %s" % (where, word_for(value)))
    hints = hints_of(hint)
    for name in sorted(getattr(hint, "__required_keys__", ())):
        if name not in value:
            raise BadArgument("%s.%s: is required" % (where, name))
    return {k: convert(v, hints.get(k, typing.Any), "%s.%s" % (where, k), depth + 1) for k, v in value.items()}


def convert_pydantic(value, model, where):
    try:
        return model.model_validate(value) if hasattr(model, "model_validate") else model.parse_obj(value)
    except ValueError as error:
        raise BadArgument("%s: %s" % (where, error)) from None


def convert_fields(value, cls, where, depth):
    if not isinstance(value, dict):
        raise BadArgument("%s: want an object, got %s" % (where, word_for(value)))
    hints = hints_of(cls)
    known = {name for name, _, _ in fields_of(cls)}
    for name in value:
        if name not in known:
            raise BadArgument("%s.%s: is not a field; want %s" % (where, name, ", ".join(sorted(known))))
    made = {k: convert(v, hints.get(k, typing.Any), "%s.%s" % (where, k), depth + 1) for k, v in value.items()}
    try:
        return cls(**made)
    except TypeError as error:
        raise BadArgument("%s: %s" % (where, error)) from None


def word_for(value):
    if value is None:
        return "null"
    words = {"boolean": "a boolean", "string": "a string", "integer": "an integer", "number": "a number"}
    return words.get(json_kind(value)) or ("a list" if isinstance(value, list) else "an object")
