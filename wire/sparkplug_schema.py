"""The Sparkplug B 3.0 payload as protobuf classes, built from the field numbers of the specification's section 6.4."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "org.eclipse.tahu.protobuf"

_TYPES = {
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
}

_VALUE_TAIL = (
    ("float_value", "float"),
    ("double_value", "double"),
    ("boolean_value", "bool"),
    ("string_value", "string"),
)


def _add(
    message: descriptor_pb2.DescriptorProto, number: int, name: str, kind: str, *, repeated: bool = False
) -> None:
    field = message.field.add(name=name, number=number)
    field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.Payload.{kind}" if kind != "Payload" else f".{_PACKAGE}.Payload"


def _add_value(message: descriptor_pb2.DescriptorProto, first: int, *extra: tuple[str, str]) -> None:
    """Add the oneof `value`: int, long, float, double, boolean, string and `extra`, numbered from `first`."""
    message.oneof_decl.add(name="value")
    for number, (name, kind) in enumerate(
        (("int_value", "uint32"), ("long_value", "uint64"), *_VALUE_TAIL, *extra), first
    ):
        _add(message, number, name, kind)
        message.field[-1].oneof_index = 0


def _payload_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="stoplog/sparkplug_b.proto", package=_PACKAGE, syntax="proto2"
    )
    payload = file.message_type.add(name="Payload")
    property_value = payload.nested_type.add(name="PropertyValue")
    _add(property_value, 1, "type", "uint32")
    _add(property_value, 2, "is_null", "bool")
    _add_value(property_value, 3, ("propertyset_value", "PropertySet"))
    property_set = payload.nested_type.add(name="PropertySet")
    _add(property_set, 1, "keys", "string", repeated=True)
    _add(property_set, 2, "values", "PropertyValue", repeated=True)
    metric = payload.nested_type.add(name="Metric")
    for number, name, kind in (
        (1, "name", "string"),
        (2, "alias", "uint64"),
        (3, "timestamp", "uint64"),
        (4, "datatype", "uint32"),
        (5, "is_historical", "bool"),
        (6, "is_transient", "bool"),
        (7, "is_null", "bool"),
        (9, "properties", "PropertySet"),
    ):
        _add(metric, number, name, kind)
    _add_value(metric, 10, ("bytes_value", "bytes"))
    _add(payload, 1, "timestamp", "uint64")
    _add(payload, 2, "metrics", "Metric", repeated=True)
    _add(payload, 3, "seq", "uint64")
    _add(payload, 4, "uuid", "string")
    _add(payload, 5, "body", "bytes")
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_payload_file())

PayloadMessage: type[Message] = message_factory.GetMessageClass(
    _pool.FindMessageTypeByName(f"{_PACKAGE}.Payload")
)
"""The protobuf class of a whole payload."""
