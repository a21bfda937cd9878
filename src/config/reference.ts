import { configJsonSchema, type JsonSchema } from './json-schema.ts';
import { NETWORK_COLUMNS, NETWORKS_MAX } from './networks.ts';
import { CSV_COLUMNS } from './pops-csv.ts';
import { TARGET_COLUMNS, TARGET_ROWS_MAX } from './targets-csv.ts';

/** The JSON Schema of the configuration as a file, for editors (`# yaml-language-server: $schema=…`). */
export function schemaFile(): string {
  return `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`;
}

/** The reference page of the configuration: every key with type, unit, bounds, default and meaning. */
export function referencePage(): string {
  const root = configJsonSchema();
  const sections = Object.entries(root.properties ?? {}).map(([key, schema]) => {
    const rows = flatten(key, schema, root.required?.includes(key) === true);
    return `## ${key}\n\n${table(rows)}`;
  });
  const parts = [INTRODUCTION, ...sections, CSV_SECTION, NETWORKS_SECTION, TARGETS_SECTION];
  return `${parts.join('\n\n')}\n`;
}

const INTRODUCTION = `# Configuration

One YAML file (\`--config FILE\`). This page is generated from its schema by \`npx isochrone docs\`; a test
holds it current. The same schema as JSON Schema, for editors, is \`deploy/isochrone.schema.json\`. Put
this on the first line of a configuration, with the path to it:

\`\`\`yaml
# yaml-language-server: $schema=./isochrone.schema.json
\`\`\`

\`npx isochrone check --config FILE\` names every fault in the file, and in the zones that it names, with line
and value. \`geo-data/demo/demo.yaml\` is what \`isochrone up\` runs by default; \`deploy/isochrone.yaml\` is
an example for several machines.

Keys that are not below are errors. \`NAME\` and \`CODE\` stand for keys that you choose; \`[]\` stands for
each entry of a list.`;

const CSV_SECTION = `## The POPs as a CSV file

The first line names the columns, in any order: ${CSV_COLUMNS.map((column) => `\`${column}\``).join(', ')},
and so on for further links, whose letters are \`C\`, \`D\` … They mean what they mean under \`pops\` above;
link A of POP FRA is \`FRA-a\`. A POP with fewer links than others leaves their cells empty. \`biasMs\` and
the \`ipv6\` columns may be missing; with \`popAddresses: modelled\` the \`ipv4\` columns too. Lines that
start with \`#\` are comments. \`geo-data/pops.csv\` is an example.`;

const NETWORK_NAMES = NETWORK_COLUMNS.map((column) => `\`${column}\``).join(', ');
const NETWORK_COUNT = NETWORKS_MAX.toLocaleString('en');
const NETWORKS_SECTION = `## The networks as a CSV file

The first line names the columns, in any order: ${NETWORK_NAMES}.
They mean what they mean under \`networks\` above; all but \`prefix\` may be missing, and cells may be empty.
Lines that start with \`#\` are comments. There may be ${NETWORK_COUNT} rows; a million take some two
seconds, faster if they are in the order of their addresses, at the first start and when the file changed.`;

const TARGET_NAMES = TARGET_COLUMNS.map((column) => `\`${column}\``).join(', ');
const TARGETS_SECTION = `## The targets as a CSV file

The first line names the columns, in any order: ${TARGET_NAMES}. \`address\` is
whom agents ask in the network; \`network\` is a /24 of IPv4 or a /48 of IPv6 that holds it (empty: the one
that does); \`method\` is \`icmp\`, \`tcp\`, \`http\`, \`https\` or \`dns\` (empty: \`measure.method\`);
\`port\` is that of the method where it is empty. Columns but \`address\` may be missing. Lines that
start with \`#\` are comments. There may be ${TARGET_ROWS_MAX.toLocaleString('en')} rows, one a network.`;

/** One line of a table. */
interface Row {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly meaning: string;
}

function flatten(path: string, schema: JsonSchema, required: boolean): Row[] {
  const alternatives = schema.anyOf ?? [schema];
  const own: Row = {
    path,
    type: alternatives.map(typeText).join(' or '),
    fallback: fallbackText(schema, required),
    meaning: schema.description ?? '',
  };
  const inner = alternatives.flatMap((one) => children(path, one));
  return [own, ...inner];
}

function children(path: string, schema: JsonSchema): Row[] {
  const { properties, items, additionalProperties } = schema;
  if (properties !== undefined)
    return Object.entries(properties).flatMap(([key, value]) =>
      flatten(`${path}.${key}`, value, schema.required?.includes(key) === true),
    );
  if (items !== undefined && (items.properties !== undefined || items.anyOf !== undefined))
    return children(`${path}[]`, items);
  if (typeof additionalProperties === 'object') {
    const placeholder = additionalProperties.properties === undefined ? 'CODE' : 'NAME';
    return flatten(`${path}.${placeholder}`, additionalProperties, false);
  }
  return [];
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  object: 'mapping',
};

function plural(schema: JsonSchema): string {
  return schema.type === 'object' ? 'mappings' : typeText(schema);
}

function typeText(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(' or ');
  if (schema.items !== undefined)
    return `list of ${(schema.items.anyOf ?? [schema.items]).map(plural).join(' or ')}`;
  const word = TYPE_WORDS[schema.type ?? ''] ?? 'value';
  const unit = schema.unit === undefined ? '' : `, ${schema.unit}`;
  const { minimum, maximum } = schema;
  const bounds = minimum === undefined || maximum === undefined ? '' : `, ${minimum} … ${maximum}`;
  return word + unit + bounds;
}

function fallbackText(schema: JsonSchema, required: boolean): string {
  if (required) return '**required**';
  if (schema.default === undefined) return 'none';
  if (typeof schema.default === 'object' && Object.keys(schema.default as object).length === 0) return '';
  return `\`${JSON.stringify(schema.default)}\``;
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ path, type, fallback, meaning }) =>
      `| \`${path}\` | ${type} | ${fallback} | ${meaning.replaceAll('|', '\\|')} |`,
  );
  return ['| key | value | default | meaning |', '| --- | --- | --- | --- |', ...lines].join('\n');
}
