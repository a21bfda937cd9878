import { dirname, join, resolve } from 'node:path';
import { formatProblem, OperatorError } from '../base/errors.ts';
import { importBind } from '../migrate/bind.ts';
import type { Draft } from '../migrate/draft.ts';
import { importGdnsd } from '../migrate/gdnsd.ts';
import { importRoute53 } from '../migrate/route53.ts';
import { CONFIG_FILE, filesOf, formatNote, NOTES_FILE, unlocated } from '../migrate/write.ts';
import { checkAll } from './check.ts';
import { type Command, EXIT_FAILED, EXIT_OK, type Flags, type Terminal, textFlag } from './command.ts';

const OUT = 'imported';

export const importCommand: Command = {
  operands: 'gdnsd DIR | bind NAMED.CONF | route53 FILE…',
  operandsMin: 2,
  operandsMax: 1000,
  words: ['gdnsd', 'bind', 'route53'],
  description:
    "Makes a configuration folder out of another server's: zones, and what they answer by health, weight " +
    'and location as services with policies. Everything that cannot be carried over, or answers in another ' +
    'way, is listed with file, line and reason, and in the folder too. The folder is checked as `check` ' +
    'does it. Nothing is overwritten. gdnsd: its configuration directory. bind: named.conf and what it ' +
    'includes. route53: what `aws route53 list-resource-record-sets` prints, of one zone or several, and ' +
    '`list-health-checks`. docs/migration.md says what becomes what.',
  options: {
    out: { type: 'string', value: 'DIR', help: `folder to write, new or empty (default: ${OUT})` },
    zone: {
      type: 'string',
      value: 'NAME',
      help: "route53: the zone's name, where the export has no SOA",
    },
  },
  examples: [
    ['import gdnsd /etc/gdnsd --out moved', 'gdnsd: its zones, plugins and service types'],
    ['import bind /etc/bind/named.conf --out moved', 'the primary zones of BIND'],
    ['import route53 records.json checks.json --out moved', 'a hosted zone with its health checks'],
  ],
  run: async ({ operands, flags, json, terminal }) => {
    const [kind = '', ...paths] = operands;
    const out = textFlag(flags, 'out') ?? OUT;
    if (terminal.exists(out) && terminal.listFolder(out).length > 0)
      throw usage(`--out ${JSON.stringify(out)}: there is something already, and nothing is overwritten`);
    const draft = read(kind, paths, flags, terminal);
    const files = filesOf(draft, {
      source: `${kind} ${paths.join(' ')}`,
      geoCity: draft.geoCity === undefined ? undefined : resolve(draft.geoCity),
    });
    for (const [path, text] of files) {
      terminal.makeFolder(dirname(join(out, path)));
      terminal.writeText(join(out, path), text);
    }
    const config = join(out, CONFIG_FILE);
    const { errors, warnings, summary } = checkAll([], { config }, terminal);
    const made = {
      config,
      files: [...files.keys()],
      zones: draft.zones.size,
      records: summary.records,
      services: draft.services.size,
      pops: draft.pops.length,
    };
    const ok = errors.length === 0;
    if (json)
      terminal.out(JSON.stringify({ ok, ...made, notes: draft.notes, errors, warnings }, undefined, 2));
    else {
      for (const line of textOf(draft, made)) terminal.out(line);
      for (const problem of errors) terminal.out(`error: ${formatProblem(problem)}`);
      if (ok) terminal.out(`next: isochrone up --config ${config}`);
    }
    return ok ? EXIT_OK : EXIT_FAILED;
  },
};

function read(kind: string, paths: readonly string[], flags: Flags, terminal: Terminal): Draft {
  const [path = ''] = paths;
  const one = (): string => {
    if (paths.length > 1) throw usage(`${kind} takes one path, not ${paths.length}`);
    return path;
  };
  switch (kind) {
    case 'gdnsd':
      return importGdnsd(one(), terminal);
    case 'bind':
      return importBind(one(), terminal);
    case 'route53': {
      const texts = paths.map((file) => ({ file, text: terminal.readText(file) }));
      return importRoute53(texts, textFlag(flags, 'zone'));
    }
    default:
      throw usage(`${JSON.stringify(kind)}: it is one of gdnsd, bind and route53`);
  }
}

function usage(message: string): OperatorError {
  return new OperatorError('bad-usage', [{ file: 'command line', message }]);
}

function* textOf(
  draft: Draft,
  made: { readonly config: string; readonly zones: number; readonly services: number; readonly pops: number },
): Generator<string> {
  for (const note of draft.notes) yield formatNote(note);
  const { zones, services, pops, config } = made;
  yield `${config}: ${zones} zones, ${services} services, ${pops} POPs`;
  const list = join(dirname(config), NOTES_FILE);
  const lost = draft.notes.filter(({ kind }) => kind === 'lost').length;
  const changed = draft.notes.length - lost;
  yield lost + changed === 0
    ? 'everything was carried over'
    : `${lost} things were not carried over, ${changed} answer in another way: ${list}`;
  const nowhere = unlocated(draft).length;
  if (nowhere > 0) yield `${nowhere} POPs have no location: it counts only where score or distance decides`;
}
