import { nearest } from '../base/nearest.ts';
import type { Path } from './document.ts';
import { entries, field, list } from './fields.ts';
import { quote } from './problems.ts';

type Report = (path: Path, message: string) => void;

/** Names of the POP tier's parts that stand for nothing, and parts that do not go together. */
export function checkSecurity(raw: Readonly<Record<string, unknown>>, report: Report): void {
  const security = raw['security'];
  const names = (kind: string): readonly string[] => entries(field(security, kind)).map(([name]) => name);
  const known = (path: Path, value: unknown, kind: string): void => {
    // What is no text at all is reported by the schema.
    if (typeof value !== 'string' || names(kind).includes(value)) return;
    const meant = nearest(value, names(kind));
    report(
      path,
      `security.${kind} has no ${quote(value)}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
  };
  for (const [name, keys] of entries(field(security, 'keyGroups')))
    for (const [i, id] of list(keys)) known(['security', 'keyGroups', name, i], id, 'publicKeys');
  for (const [name, profile] of entries(field(security, 'fieldProfiles')))
    known(['security', 'fieldProfiles', name, 'key'], field(profile, 'key'), 'publicKeys');
  for (const [name, encryption] of entries(field(security, 'fieldEncryption'))) {
    const path = ['security', 'fieldEncryption', name];
    known([...path, 'profile'], field(encryption, 'profile'), 'fieldProfiles');
    for (const [value, profile] of entries(field(encryption, 'queryProfiles')))
      known([...path, 'queryProfiles', value], profile, 'fieldProfiles');
  }
  const readers = new Set<unknown>();
  for (const [name, store] of entries(field(security, 'keyValueStores')))
    for (const [i, reader] of list(field(store, 'functions'))) {
      const path = ['security', 'keyValueStores', name, 'functions', i];
      known(path, reader, 'functions');
      if (readers.has(reader)) report(path, `${quote(String(reader))} reads another store already`);
      readers.add(reader);
    }
  for (const [at, distribution] of parts(raw['distributions'])) {
    const path = ['distributions', at];
    known([...path, 'webAcl'], field(distribution, 'webAcl'), 'webAcls');
    for (const [i, behaviour] of list(field(distribution, 'behaviours')))
      checkBehaviour(behaviour, [...path, 'behaviours', i], known, report);
  }
}

const VIEWER_EVENTS = ['viewerRequest', 'viewerResponse'];
const EVENTS = [...VIEWER_EVENTS, 'originRequest', 'originResponse'];

function checkBehaviour(
  behaviour: unknown,
  path: Path,
  known: (path: Path, value: unknown, kind: string) => void,
  report: Report,
): void {
  for (const [i, group] of list(field(behaviour, 'trustedKeyGroups')))
    known([...path, 'trustedKeyGroups', i], group, 'keyGroups');
  known([...path, 'fieldEncryption'], field(behaviour, 'fieldEncryption'), 'fieldEncryption');
  for (const kind of ['functions', 'lambdas'])
    for (const event of EVENTS) known([...path, kind, event], field(field(behaviour, kind), event), kind);
  // CloudFront has one kind of code at a behaviour's viewer, and what runs there must run here.
  const atViewer = (kind: string): string | undefined =>
    VIEWER_EVENTS.find((event) => field(field(behaviour, kind), event) !== undefined);
  const [fn, lambda] = [atViewer('functions'), atViewer('lambdas')];
  if (fn !== undefined && lambda !== undefined)
    report(
      [...path, 'lambdas', lambda],
      `functions.${fn} is there: functions or handlers see the viewer, not both`,
    );
}

/** Entries of a list, or of a mapping. */
function parts(value: unknown): readonly (readonly [string | number, unknown])[] {
  return Array.isArray(value) ? list(value) : entries(value);
}
