import { parseMaster } from '../zone/master.ts';
import { type Named, readNamed, transfersOf } from './bind-transfers.ts';
import { createDraft, type Draft, type TransferDraft } from './draft.ts';
import { type Files, folderOf, textOf } from './files.ts';
import { createGenerated } from './generate.ts';
import { readNamedConf, type Statement } from './named-conf.ts';
import { createZoneText, putSound, wireName, zoneName } from './zone-text.ts';

/** The zones that named.conf serves as primary. */
export function importBind(file: string, files: Files): Draft {
  const draft = createDraft();
  const statements = readNamedConf(file, files, draft);
  const named = readNamed(statements, draft);
  const directory = optionOf(named.options, 'directory') ?? folderOf(file);
  for (const statement of statements) {
    const [word, name] = statement.words;
    if (word === 'zone') carryZone(draft, files, { statement, directory, named });
    else if (word === 'view') tellOfView(draft, statement);
    else if (LISTS.includes(word ?? '')) continue;
    else if (word === 'options') tellOf(draft, statement, '');
    else
      draft.lost(
        statement.place,
        words(statement),
        REASONS[word ?? ''] ?? `${name ?? 'it'} is of BIND's own`,
      );
  }
  return draft;
}

/** Statements that zones refer to. */
const LISTS: readonly string[] = ['acl', 'key', 'primaries', 'masters', 'parental-agents'];

/** What statements become, where they are no zones. */
const REASONS: Readonly<Record<string, string>> = {
  controls: '`isochrone` commands use `listen.admin`',
  logging: 'events go to standard error, counters to /metrics',
  'statistics-channels': 'counters are at `listen.admin`, /metrics',
  tls: 'name certificates under `tls`',
  http: 'DNS over HTTPS is under `listen`',
  'dnssec-policy': 'zones are signed as `zones[].dnssec` says',
  server: 'there is nothing to say of single peers',
  'trust-anchors': 'this server does not resolve',
  'managed-keys': 'this server does not resolve',
};

/** What is lost of `options` and of zones, by its word; all else is of a resolver, or tuning. */
const OPTION_REASONS: Readonly<Record<string, string>> = {
  'listen-on': 'set `listen.dns`',
  'listen-on-v6': 'set `listen.dns`',
  'allow-query': 'set the access list of the listener',
  notify: 'those in `notify` of a zone are told, and nobody else',
  'allow-update': 'zones are files: dynamic updates are refused',
  'update-policy': 'zones are files: dynamic updates are refused',
  'dnssec-policy': 'zones are signed as `zones[].dnssec` says; import the keys with `isochrone zone`',
  'inline-signing': 'zones are signed as `zones[].dnssec` says',
  'auto-dnssec': 'zones are signed as `zones[].dnssec` says',
  'rate-limit': 'set the rate limits of the configuration',
  'response-policy': 'answers are never rewritten',
  version: 'set what CHAOS queries are told',
};
const SILENT: readonly string[] = [
  'directory',
  'type',
  'file',
  'masterfile-format',
  'allow-transfer',
  'also-notify',
  'primaries',
  'masters',
];

function words({ words: all }: Statement): string {
  return all.join(' ');
}

function optionOf(body: readonly Statement[], name: string): string | undefined {
  return body.find(({ words: [word] }) => word === name)?.words[1];
}

/** Tells of every statement in the body that is not carried over. */
function tellOf(draft: Draft, { body = [] }: Statement, of: string): void {
  for (const statement of body) {
    const [word = ''] = statement.words;
    if (SILENT.includes(word)) continue;
    const reason = OPTION_REASONS[word] ?? 'there is no such setting, or nothing to set';
    draft.lost(statement.place, `${word}${of === '' ? '' : ` of ${of}`}`, reason);
  }
}

function tellOfView(draft: Draft, view: Statement): void {
  const [, name = ''] = view.words;
  const reason =
    'all clients are answered from the same zones; to answer by location or network, give names a service';
  draft.lost(view.place, `view ${name}`, reason);
  for (const inner of view.body ?? [])
    if (inner.words[0] === 'zone') draft.lost(inner.place, `zone ${inner.words[1]} of view ${name}`, reason);
}

function carryZone(
  draft: Draft,
  files: Files,
  known: { readonly statement: Statement; readonly directory: string; readonly named: Named },
): void {
  const { statement, directory, named } = known;
  const { body = [], place } = statement;
  const what = `zone ${statement.words[1] ?? ''}`;
  const isSecondary = ['slave', 'secondary'].includes(optionOf(body, 'type') ?? '');
  const transfers = transfersOf(draft, named, body, isSecondary);
  const found = isSecondary ? secondaryOf(statement, transfers) : findZone(files, statement, directory);
  if (typeof found === 'string') {
    draft.lost(place, what, found);
    return;
  }
  const name = zoneName(found.origin);
  if (draft.zones.has(name) || draft.transfers.has(name)) {
    draft.lost(place, what, 'it stands twice');
    return;
  }
  tellOf(draft, statement, what);
  if (Object.keys(transfers).length > 0) draft.transfers.set(name, transfers);
  const { origin, master } = found;
  if (master !== undefined) draft.zones.set(name, carryText(draft, { origin, ...master, files }));
}

/** A zone that is carried over. */
interface Found {
  readonly origin: Uint8Array;
  /** Absent: it is transferred. */
  readonly master?: { readonly file: string; readonly text: string };
}

/** A secondary zone's name; or why it cannot be carried over. */
function secondaryOf({ words: [, name = ''] }: Statement, { primary }: TransferDraft): Found | string {
  const origin = wireName(name === '' ? '.' : name, Uint8Array.of(0));
  if (origin === undefined) return 'it is not a name';
  return primary === undefined ? 'it names no primary' : { origin };
}

/** A zone's name, file and text; or why it cannot be carried over. */
function findZone(
  files: Files,
  { body = [], words: [, name = '', zoneClass = 'IN'], place }: Statement,
  directory: string,
): Found | string {
  const type = optionOf(body, 'type') ?? (optionOf(body, 'in-view') === undefined ? 'none' : 'in-view');
  const path = optionOf(body, 'file');
  if (zoneClass.toUpperCase() !== 'IN') return `class ${zoneClass} is not served`;
  if (type !== 'master' && type !== 'primary') return typeReason(type);
  if (path === undefined) return 'it has no file';
  const format = optionOf(body, 'masterfile-format') ?? 'text';
  if (format !== 'text') return `its file is ${format}: turn it into text with named-compilezone`;
  const file = path.startsWith('/') ? path : `${directory.replace(/\/?$/, '/')}${path}`;
  const beside = folderOf(place.file) + path;
  const text = textOf(file, files);
  const origin = wireName(name === '' ? '.' : name, Uint8Array.of(0));
  if (origin === undefined) return 'it is not a name';
  if (text !== undefined) return { origin, master: { file, text } };
  // A copy of the folder may lie elsewhere than where it was.
  const other = path.startsWith('/') ? undefined : textOf(beside, files);
  if (other === undefined) return `its file ${file} cannot be read`;
  return { origin, master: { file: beside, text: other } };
}

function typeReason(type: string): string {
  switch (type) {
    case 'hint':
    case 'forward':
    case 'stub':
    case 'static-stub':
    case 'redirect':
    case 'mirror':
      return `type ${type} is of a resolver`;
    default:
      return `type ${type} is not served`;
  }
}

/**
 * The text as it is where all of it can be served and it includes nothing; else every record that can be, one
 * a line.
 */
function carryText(
  draft: Draft,
  zone: { readonly origin: Uint8Array; readonly file: string; readonly text: string; readonly files: Files },
): string {
  const { origin, file, text, files } = zone;
  let includes = 0;
  const report = (at: string) => (line: number, what: string, reason: string) =>
    draft.lost({ file: at, line }, what, reason);
  const generated = createGenerated();
  const read = (path: string): string | undefined => {
    includes++;
    const known = generated.read(path);
    const included = known ?? textOf(path, files);
    return included === undefined ? undefined : generated.replace(included, report(path));
  };
  const parsed = parseMaster({ text: generated.replace(text, report(file)), file, origin, read });
  const written = createZoneText(origin, draft);
  const isSound = putSound(written, draft, parsed.records);
  for (const { file: at, line, message, severity } of parsed.problems)
    if (severity === 'error')
      draft.lost({ file: at, ...(line === undefined ? {} : { line }) }, 'a record', message);
  if (includes === 0 && isSound && parsed.problems.every(({ severity }) => severity !== 'error')) return text;
  return written.finish();
}
