// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// typesModule has a function a kind of hint; each answers with what it was given, as Python sees it.
const typesModule = `
import dataclasses, datetime, decimal, enum, pathlib, typing, uuid
from typing import *

class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Size(enum.IntEnum):
    S = 1
    L = 2

@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    tags: List[str] = dataclasses.field(default_factory=list)

@dataclasses.dataclass
class Line:
    """Two points."""
    start: Point
    end: Optional[Point] = None

class Base(TypedDict):
    name: str

class Row(Base, total=False):
    count: int
    at: Point

class Access(enum.IntFlag):
    READ = 1
    WRITE = 2

class Place(NamedTuple):
    row: int
    at: Optional[Point] = None

UserID = NewType("UserID", int)

def plain(a: str, b: int, c: float, d: bool, e=7, f: Any = None): return repr((a, b, c, d, e, f))
def optional(a: Optional[int] = None, b: Union[int, str] = 1, c: Optional[Union[int, Point]] = None): return repr((a, b, c))
def literal(a: Literal["x", "y"], b: Literal[1, "one"] = 1): return repr((a, b))
def lists(a: List[int], b: Sequence[str] = (), c: Set[int] = set(), d: Tuple[int, str] = (1, "a"), e: Tuple[int, ...] = ()): return repr((a, b, sorted(c), d, e))
def dicts(a: Dict[str, int], b: dict = {}, c: Dict[str, List[Point]] = {}): return repr((a, b, c))
def keys(a: Dict[int, str] = {}, b: Dict[Color, int] = {}, c: Dict[Size, Dict[float, int]] = {}): return repr((a, b, c))
def enums(a: Color, b: Size = Size.S, c: List[Color] = [Color.RED]): return repr((a.name, b.name, c))
def classes(a: Line, b: List[Line] = []): return repr((a, b))
def rows(a: Row, b: Optional[Row] = None): return repr((a, b))
def notes(a: Annotated[int, "how many"], b: Annotated[List[Annotated[str, "a word"]], "words"] = []): return repr((a, b))
def times(a: datetime.datetime, b: datetime.date, c: pathlib.Path, d: decimal.Decimal, e: uuid.UUID, f: bytes, g: UserID): return repr((a, b, c, d, e, f, g))
def late(a: "Point", b: "List[Missing]", c: "Optional[int]" = None): return repr((a, b, c))
def kinds(a: int, /, b: int, *, c: int = 3, **rest: Any): return repr((a, b, c, rest))
def rest(**kw: int): return repr(kw)
def flags(a: Access = Access.READ, b: Dict[Access, int] = {}): return repr((int(a), type(a).__name__, [int(k) for k in b]))
def places(a: Place, b: List[Place] = [], c: Place = Place(1)): return repr((a, b))
def waits(a: datetime.timedelta, b: Annotated[datetime.timedelta, "how long"] = datetime.timedelta(1)): return repr((a, b))

class Callable_:
    """A tool that is an object."""
    __name__ = "thing"
    def __call__(self, a: int = 1): return a * 2

TOOLS = [plain, optional, literal, lists, dicts, keys, enums, classes, rows, notes, times, late, kinds, rest, flags, places, waits, Callable_()]
`

const pointSchema = `{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"number","default":0.0},"tags":{"type":"array","items":{"type":"string"}}},"additionalProperties":false,"required":["x"]}`

// typeSchemas is what the properties of each tool's schema must be.
const typeSchemas = `{
"plain": {"a":{"type":"string"},"b":{"type":"integer"},"c":{"type":"number"},"d":{"type":"boolean"},"e":{"default":7},"f":{}},
"optional": {"a":{"type":["integer","null"]},"b":{"type":["integer","string"],"default":1},"c":{"anyOf":[{"type":"integer"},POINT,{"type":"null"}]}},
"literal": {"a":{"enum":["x","y"],"type":"string"},"b":{"enum":[1,"one"],"default":1}},
"lists": {"a":{"type":"array","items":{"type":"integer"}},"b":{"type":"array","items":{"type":"string"},"default":[]},
	"c":{"type":"array","items":{"type":"integer"},"uniqueItems":true},
	"d":{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"minItems":2,"maxItems":2,"default":[1,"a"]},
	"e":{"type":"array","items":{"type":"integer"},"default":[]}},
"dicts": {"a":{"type":"object","additionalProperties":{"type":"integer"}},"b":{"type":"object","default":{}},
	"c":{"type":"object","additionalProperties":{"type":"array","items":POINT},"default":{}}},
"enums": {"a":{"enum":["red","blue"],"type":"string"},"b":{"enum":[1,2],"type":"integer","default":1},"c":{"type":"array","items":{"enum":["red","blue"],"type":"string"}}},
"rows": {"a":ROW,"b":{"anyOf":[ROW,{"type":"null"}]}},
"notes": {"a":{"type":"integer","description":"how many"},"b":{"type":"array","items":{"type":"string","description":"a word"},"description":"words","default":[]}},
"late": {"a":POINT,"b":{},"c":{"type":["integer","null"]}},
"kinds": {"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer","default":3}},
"flags": {"a":{"type":"integer","minimum":0,"maximum":3,"default":1},"b":{"type":"object","additionalProperties":{"type":"integer"},"default":{}}},
"places": {"a":PLACE,"b":{"type":"array","items":PLACE,"default":[]},"c":PLACED},
"waits": {"a":{"type":"number","description":"seconds"},"b":{"type":"number","description":"how long","default":86400.0}},
"thing": {"a":{"type":"integer","default":1}}
}`

// typeCalls are calls and the words that their answers must hold.
func typeCalls() []struct{ tool, arguments, want string } {
	return []struct{ tool, arguments, want string }{
		{"plain", `{"a":"x","b":2.0,"c":1,"d":true}`, "('x', 2, 1.0, True, 7, None)"},
		{"plain", `{"a":"x","b":true,"c":1,"d":true}`, "b: want an integer, got a boolean"},
		{"plain", `{"a":"x","b":1,"c":1}`, "d: is required"},
		{"plain", `{"a":"x","b":1,"c":"1","d":true}`, "c: want float, got a string"},
		{"optional", `{"a":null,"b":"two","c":{"x":1}}`, "(None, 'two', Point(x=1.0, y=0.0, tags=[]))"},
		{"optional", `{"b":[]}`, "b: want"},
		{"literal", `{"a":"y","b":"one"}`, "('y', 'one')"},
		{"literal", `{"a":"z"}`, "'z' is none of 'x', 'y'"},
		{"literal", `{"a":"x","b":true}`, "True is none of"},
		{"lists", `{"a":[1,2.0],"c":[3,3],"d":[2,"b"],"e":[1,2,3]}`, "([1, 2], (), [3], (2, 'b'), (1, 2, 3))"},
		{"lists", `{"a":[1,"2"]}`, "a[1]: want int, got a string"},
		{"lists", `{"a":[],"d":[1]}`, "d: want 2 items, got 1"},
		{"lists", `{"a":{}}`, "a: want a list, got an object"},
		{"dicts", `{"a":{"k":1},"c":{"k":[{"x":1}]}}`, "({'k': 1}, {}, {'k': [Point(x=1.0, y=0.0, tags=[])]})"},
		{"dicts", `{"a":{"k":"v"}}`, "a.k: want int, got a string"},
		{"keys", `{"a":{"7":"x"},"b":{"red":1},"c":{"2":{"0.5":3}}}`, "({7: 'x'}, {<Color.RED: 'red'>: 1}, {<Size.L: 2>: {0.5: 3}})"},
		{"keys", `{"a":{"seven":"x"}}`, "a: 'seven' is no key of type int"},
		{"keys", `{"b":{"green":1}}`, "b: 'green' is no key of type Color"},
		{"enums", `{"a":"blue","b":2,"c":["blue"]}`, "('BLUE', 'L', [<Color.BLUE: 'blue'>])"},
		{"enums", `{"a":"green"}`, "'green' is none of 'red', 'blue'"},
		{"classes", `{"a":{"start":{"x":1,"tags":["t"]},"end":{"x":2,"y":3}}}`, "Line(start=Point(x=1.0, y=0.0, tags=['t']), end=Point(x=2.0, y=3.0, tags=[]))"},
		{"classes", `{"a":{"start":{"x":1}},"b":[{"start":{"y":1}}]}`, "b[0].start"},
		{"classes", `{"a":{"start":{"x":1,"z":1}}}`, "a.start.z: is not a field; want tags, x, y"},
		{"rows", `{"a":{"name":"n","at":{"x":1}},"b":null}`, "({'name': 'n', 'at': Point(x=1.0, y=0.0, tags=[])}, None)"},
		{"rows", `{"a":{"count":1}}`, "a.name: is required"},
		{"notes", `{"a":1,"b":["w"]}`, "(1, ['w'])"},
		{
			"times", `{"a":"2026-01-02T03:04:05","b":"2026-01-02","c":"/a/b","d":"1.50","e":"00000000-0000-0000-0000-000000000001","f":"x","g":5}`,
			"(datetime.datetime(2026, 1, 2, 3, 4, 5), datetime.date(2026, 1, 2), PosixPath('/a/b'), Decimal('1.50'), UUID('00000000-0000-0000-0000-000000000001'), b'x', 5)",
		},
		{"times", `{"a":"yesterday","b":"2026-01-02","c":"","d":1,"e":"","f":"","g":1}`, "a: "},
		{"late", `{"a":{"x":1},"b":["anything"]}`, "(Point(x=1.0, y=0.0, tags=[]), ['anything'], None)"},
		{"kinds", `{"a":1,"b":2,"other":4}`, "(1, 2, 3, {'other': 4})"},
		{"rest", `{"a":1,"b":2.0}`, "{'a': 1, 'b': 2}"},
		{"rest", `{"a":"x"}`, "a: want int, got a string"},
		{"flags", `{"a":3,"b":{"3":1}}`, "(3, 'Access', [3])"},
		{"flags", `{"a":0}`, "(0, 'Access', [])"},
		{"flags", `{"a":4}`, "a: 4 is no combination of 1, 2"},
		{"flags", `{"a":"READ"}`, "a: 'READ' is no combination of 1, 2"},
		{"flags", `{"b":{"READ":1}}`, "b: 'READ' is no key of type Access"},
		{"places", `{"a":{"row":1,"at":{"x":2}},"b":[{"row":2}]}`, "(Place(row=1, at=Point(x=2.0, y=0.0, tags=[])), [Place(row=2, at=None)])"},
		{"places", `{"a":{"at":null}}`, "a: "},
		{"places", `{"a":{"row":"1"}}`, "a.row: want int, got a string"},
		{"places", `{"a":[1]}`, "a: want an object, got a list"},
		{"waits", `{"a":1.5}`, "(datetime.timedelta(seconds=1, microseconds=500000), datetime.timedelta(days=1))"},
		{"waits", `{"a":1e300}`, "a: 1e+300 seconds are too many"},
		{"waits", `{"a":"1"}`, "a: want timedelta, got a string"},
		{"plain", `{"a":"x","b":1,"c":1,"d":true,"g":1}`, "g: is not an argument of plain; want a, b, c, d, e, f"},
		{"thing", `{"a":21}`, "42"},
	}
}

// pythons are the first Python on PATH, the system's, and those that HOLDFAST_PYTHONS names.
func pythons(t *testing.T) []string {
	t.Helper()
	found := []string{"python3"}
	for _, python := range append([]string{debianPython}, filepath.SplitList(os.Getenv("HOLDFAST_PYTHONS"))...) {
		if exec.CommandContext(t.Context(), python, "-c", "").Run() == nil {
			found = append(found, python)
		}
	}
	return found
}

func TestHintsBecomeSchemasAndValues(t *testing.T) {
	t.Parallel()
	for _, python := range pythons(t) {
		h := hostOf(t, python, map[string]string{"types_tools.py": typesModule})
		checkSchemas(t, h.list(t))
		for _, c := range typeCalls() {
			if got := h.call(t, c.tool, c.arguments).text(); !strings.Contains(got, c.want) {
				t.Errorf("%s: %s(%s) answered %s\nwant %s", python, c.tool, c.arguments, got, c.want)
			}
		}
	}
}

func checkSchemas(t *testing.T, l listing) {
	t.Helper()
	row := `{"type":"object","properties":{"name":{"type":"string"},"count":{"type":"integer"},"at":POINT},"required":["name"]}`
	place := `{"type":"object","properties":{"row":{"type":"integer"},"at":{"anyOf":[POINT,{"type":"null"}]}},"required":["row"],"additionalProperties":false}`
	placed := strings.TrimSuffix(place, "}") + `,"default":{"row":1,"at":null}}`
	text := strings.NewReplacer("ROW", row, "PLACED", placed, "PLACE", place).Replace(typeSchemas)
	text = strings.ReplaceAll(text, "POINT", pointSchema)
	var want map[string]any
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if len(l.Meta.Problems) > 0 {
		t.Errorf("problems: %+v", l.Meta.Problems)
	}
	for _, tool := range l.Tools {
		var schema struct {
			Properties any `json:"properties"`
			More       any `json:"additionalProperties"`
		}
		if err := json.Unmarshal(tool.Input, &schema); err != nil {
			t.Fatal(err)
		}
		if tool.Name == "rest" && !reflect.DeepEqual(schema.More, map[string]any{"type": "integer"}) {
			t.Errorf("further arguments are %v", schema.More)
		}
		if want[tool.Name] != nil && !reflect.DeepEqual(schema.Properties, want[tool.Name]) {
			got, _ := json.Marshal(schema.Properties)
			wanted, _ := json.Marshal(want[tool.Name])
			t.Errorf("%s has\n%s, want\n%s", tool.Name, got, wanted)
		}
	}
}

// TestNewSyntax: what Python 3.10 and 3.11 brought.
func TestNewSyntax(t *testing.T) {
	t.Parallel()
	h := hostOf(t, pythonWith(t, "import sys; assert sys.version_info >= (3, 11)"), map[string]string{"new_tools.py": `
from __future__ import annotations
from dataclasses import dataclass, KW_ONLY
from enum import StrEnum
from typing import NotRequired, Required, TypedDict

class Mode(StrEnum):
    FAST = "fast"

@dataclass(slots=True, frozen=True)
class Box:
    a: int
    _: KW_ONLY
    b: int | None = None

class Row(TypedDict):
    name: str
    extra: NotRequired[list[int]]

def new(box: Box, row: Row, mode: Mode = Mode.FAST, n: int | str | None = None, m: dict[str, list[int | None]] | None = None):
    return repr((box, row, mode, n, m))
TOOLS = [new]
`})
	if got := h.call(t, "new", `{"box":{"a":1,"b":2},"row":{"name":"x","extra":[1]},"mode":"fast","m":{"k":[1,null]}}`).text(); got != "(Box(a=1, b=2), {'name': 'x', 'extra': [1]}, <Mode.FAST: 'fast'>, None, {'k': [1, None]})" {
		t.Errorf("it answered %s", got)
	}
	schema := string(h.list(t).Tools[0].Input)
	for _, want := range []string{`"extra": {"type": "array", "items": {"type": "integer"}}`, `"n": {"type": ["integer", "string", "null"]}`, `"default": "fast"`} {
		if !strings.Contains(schema, want) {
			t.Errorf("the schema lacks %s: %s", want, schema)
		}
	}
}

// pydanticModule is written as both versions of Pydantic read it.
const pydanticModule = `
from enum import Enum
from typing import *
import pydantic
from pydantic import BaseModel, Field

class Color(str, Enum):
    RED = "red"

class Part(BaseModel):
    """A part of an item."""
    name: str = Field(..., description="what it is called", min_length=2)
    count: int = Field(1, ge=1, le=9)
    color: Optional[Color] = None

class Item(BaseModel):
    name: str
    parts: List[Part] = []
    child: Optional["Item"] = None
    extra: Dict[str, Part] = {}

if hasattr(Item, "model_rebuild"):
    Item.model_rebuild()
else:
    Item.update_forward_refs()

def show(item: Item, more: List[Part] = [], maybe: Optional[Part] = None, either: Union[int, Part] = 1):
    """Shows.

    Example Prompt: show it
    """
    return repr((type(item).__name__, item.name, [p.name for p in item.parts], item.child and item.child.name, [p.count for p in more], maybe and maybe.color, type(either).__name__))

def give(item: Item) -> Item:
    return item

def giving(name: str):
    return [Part(name=name), {"in": Part(name=name)}]

def bounded(n: int = Field(5, ge=1, le=9, description="how many"), word: str = Field(..., max_length=3), tags: Annotated[List[str], Field(max_length=2, description="few")] = []):
    return repr((n, word, tags))

def version():
    return pydantic.VERSION

TOOLS = [show, give, giving, bounded, version]
`

// TestPydanticModels tries version 1 and version 2 for real, each where a Python here has it.
func TestPydanticModels(t *testing.T) {
	t.Parallel()
	for version, code := range map[string]string{"1.": "import pydantic; assert pydantic.VERSION < '2'", "2.": "import pydantic; assert pydantic.VERSION >= '2'"} {
		t.Run(version, func(t *testing.T) {
			if version == "2." && exec.CommandContext(t.Context(), "python3", "-I", "-c", code).Run() != nil {
				t.Skip("no Python here has Pydantic 2; TestPydantic2Protocol stands for it")
			}
			h := hostOf(t, pythonWith(t, code), map[string]string{"models_tools.py": pydanticModule})
			if got := h.call(t, "version", `{}`).text(); !strings.HasPrefix(got, version) {
				t.Fatalf("the version is %s", got)
			}
			checkPydantic(t, h)
		})
	}
}

func checkPydantic(t *testing.T, h *rawHost) {
	t.Helper()
	for _, c := range []struct{ tool, arguments, want string }{
		{
			"show", `{"item":{"name":"a","parts":[{"name":"bb"}],"child":{"name":"c"}},"more":[{"name":"dd","count":3}],"maybe":{"name":"ee","color":"red"},"either":{"name":"ff"}}`,
			"('Item', 'a', ['bb'], 'c', [3], <Color.RED: 'red'>, 'Part')",
		},
		{"show", `{"item":{"name":"a"},"either":7}`, "('Item', 'a', [], None, [], None, 'int')"},
		{"show", `{"item":{"parts":[]}}`, "item: "},
		{"show", `{"item":{"name":"a"},"more":[{"name":"x","count":99}]}`, "more[0]: "},
		{"give", `{"item":{"name":"a","parts":[{"name":"bb"}]}}`, `"name": "bb"`},
		{"giving", `{"name":"gg"}`, `"in": {"name": "gg", "count": 1, "color": null}`},
		{"bounded", `{"word":"abc"}`, "(5, 'abc', [])"},
		{"bounded", `{}`, "word: is required"},
	} {
		if got := h.call(t, c.tool, c.arguments).text(); !strings.Contains(got, c.want) {
			t.Errorf("%s(%s) answered %s\nwant %s", c.tool, c.arguments, got, c.want)
		}
	}
	if a := h.call(t, "give", `{"item":{"name":"a"}}`); !strings.Contains(string(a.Structured), `"name": "a"`) {
		t.Errorf("structured is %s", a.Structured)
	}
	schemas := map[string]string{}
	for _, tool := range h.list(t).Tools {
		schemas[tool.Name] = string(tool.Input)
	}
	for _, want := range []string{`"what it is called"`, `"minLength": 2`, `"maximum": 9`, `"A part of an item."`} {
		if !strings.Contains(schemas["show"], want) {
			t.Errorf("the schema lacks %s: %s", want, schemas["show"])
		}
	}
	if strings.Contains(schemas["show"], "$ref") {
		t.Errorf("the schema refers to what is not in it: %s", schemas["show"])
	}
	for _, want := range []string{`"default": 5`, `"description": "how many"`, `"maximum": 9`, `"required": ["word"]`, `"maxItems": 2`, `"description": "few"`} {
		if !strings.Contains(schemas["bounded"], want) {
			t.Errorf("the schema lacks %s: %s", want, schemas["bounded"])
		}
	}
}

// TestPydantic2Protocol: what the host asks of version 2, answered by a class without Pydantic.
func TestPydantic2Protocol(t *testing.T) {
	t.Parallel()
	h := hostOf(t, "python3", map[string]string{"protocol_tools.py": `
class Model:
    def __init__(self, n): self.n = n
    @classmethod
    def model_json_schema(cls):
        return {"$defs": {"N": {"type": "integer"}}, "type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "required": ["n"]}
    @classmethod
    def model_validate(cls, value):
        if not isinstance(value.get("n"), int):
            raise ValueError("n: not a number")
        return cls(value["n"])
    def model_dump(self, mode):
        assert mode == "json"
        return {"n": self.n}
def double(m: Model) -> Model:
    return Model(m.n * 2)
TOOLS = [double]
`})
	if got := h.call(t, "double", `{"m":{"n":4}}`); got.text() != `{"n": 8}` || string(got.Structured) != `{"n": 8}` {
		t.Errorf("it answered %+v", got)
	}
	if got := h.call(t, "double", `{"m":{"n":"x"}}`); !got.Failed || got.text() != "m: n: not a number" {
		t.Errorf("it answered %+v", got)
	}
	if got := string(h.list(t).Tools[0].Input); !strings.Contains(got, `"n": {"type": "integer"}`) || strings.Contains(got, "$") {
		t.Errorf("the schema is %s", got)
	}
}
