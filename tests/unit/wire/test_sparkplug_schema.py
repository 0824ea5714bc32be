"""The fields of a Sparkplug payload: number, name and type of each as the specification's section 6.4 has them."""

from google.protobuf import descriptor_pb2

from wire.sparkplug import Payload, encode
from wire.sparkplug_schema import PayloadMessage

FIELDS = {
    "Payload": "1 timestamp uint64, 2 metrics Metric*, 3 seq uint64, 4 uuid string, 5 body bytes",
    "Payload.Metric": (
        "1 name string, 2 alias uint64, 3 timestamp uint64, 4 datatype uint32, 5 is_historical bool, 6 is_transient bool, "
        "7 is_null bool, 9 properties PropertySet, 10 int_value uint32?, 11 long_value uint64?, 12 float_value float?, "
        "13 double_value double?, 14 boolean_value bool?, 15 string_value string?, 16 bytes_value bytes?"
    ),
    "Payload.PropertySet": "1 keys string*, 2 values PropertyValue*",
    "Payload.PropertyValue": (
        "1 type uint32, 2 is_null bool, 3 int_value uint32?, 4 long_value uint64?, 5 float_value float?, "
        "6 double_value double?, 7 boolean_value bool?, 8 string_value string?, 9 propertyset_value PropertySet?"
    ),
}
"""Those that we know; `*`: any number of them, `?`: one of the `value`s."""


def test_fields_have_the_numbers_and_types_of_the_specification() -> None:
    message = PayloadMessage.FromString(encode(Payload(timestamp_ms=1)))
    file = descriptor_pb2.FileDescriptorProto()
    message.DESCRIPTOR.file.CopyToProto(file)
    (whole,) = file.message_type
    found = {whole.name: whole} | {f"{whole.name}.{inner.name}": inner for inner in whole.nested_type}
    assert {name: ", ".join(map(_spelled, fields.field)) for name, fields in found.items()} == FIELDS


def _spelled(field: descriptor_pb2.FieldDescriptorProto) -> str:
    kind = field.type_name.rsplit(".", 1)[-1] or field.Type.Name(field.type).removeprefix("TYPE_").lower()
    many = "*" if field.label == field.LABEL_REPEATED else "?" if field.HasField("oneof_index") else ""
    return f"{field.number} {field.name} {kind}{many}"
