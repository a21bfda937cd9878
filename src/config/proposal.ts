import { OperatorError, type Problem } from '../base/errors.ts';
import { type Config, inspectConfig } from './config.ts';
import { readYaml } from './document.ts';
import { folderOf, joinPath } from './paths.ts';
import { quote } from './problems.ts';

/** Parts of a configuration that can be tried beside the process that runs: those that decide. */
export const TRIED_PARTS = ['pops', 'popAddresses', 'services', 'networks', 'steering'] as const;
/** Parts that may be a path. */
const FILES = ['pops', 'networks'] as const;
/** Of what runs, what the parts that are tried lean on. */
const KEPT_PARTS = [...TRIED_PARTS, 'geo', 'state'];
/** The schema wants a zone; the zones of what runs are not read here. */
const NO_ZONES = [{ origin: 'not.read.invalid', file: 'not.read' }];

/** The configuration that runs, as far as a proposal leans on it. */
export type RunningConfig = Pick<Config, 'file' | 'said' | 'services'>;

/** A configuration to try. */
export interface Proposal {
  readonly config: Config;
  /** Parts that the text has and that were tried, and others that it has. */
  readonly tried: readonly string[];
  readonly left: readonly string[];
}

/**
 * Reads a configuration, or a part of one, that somebody proposes from afar: what it leaves out is as it
 * runs, zones and all that does not decide too. It may name the files that the configuration that runs names
 * at the same place, and no other; services that zones steer by must be there. Throws
 * `OperatorError('bad-config')` with every problem; `name` stands for its file in them.
 */
export function readProposal(
  text: string,
  from: { readonly name: string; readonly running: RunningConfig; readonly read: (path: string) => string },
): Proposal {
  const { name, running } = from;
  const yaml = readYaml(text, name);
  const said = yaml.usable && isMapping(yaml.value) ? yaml.value : {};
  const keys = Object.keys(said);
  const tried = TRIED_PARTS.filter((part) => keys.includes(part));
  const problems: Problem[] = [];
  const report = (part: string, message: string): void =>
    void problems.push({ file: name, ...yaml.keyPlace([part]), message: `${part}: ${message}` });
  const pathOf = (value: unknown): string | undefined =>
    typeof value === 'string' ? joinPath(folderOf(running.file), value) : undefined;
  const foreign = FILES.filter((part) => {
    const path = pathOf(said[part]);
    return path !== undefined && path !== pathOf(running.said[part]);
  });
  for (const part of foreign)
    report(
      part,
      `${quote(said[part])} is a file that the configuration that runs does not name there: write it out`,
    );
  const inspected = inspectConfig({
    text,
    file: running.file,
    read: (path) => {
      if (path === pathOf(running.said['pops'])) return from.read(path);
      throw new Error('the configuration that runs does not name it');
    },
    arrange: (all) => ({
      ...pick(running.said, KEPT_PARTS),
      ...pick(
        all,
        TRIED_PARTS.filter((part) => !foreign.some((one) => one === part)),
      ),
      ...(isMapping(all['services']) ? { services: inOrder(all['services'], running.services) } : {}),
      zones: NO_ZONES,
    }),
  });
  problems.push(
    ...inspected.problems.map((one) => (one.file === running.file ? { ...one, file: name } : one)),
  );
  if (yaml.usable && isMapping(yaml.value)) {
    if (tried.length === 0)
      problems.push({
        file: name,
        line: 1,
        message: `has none of what can be tried: ${TRIED_PARTS.join(', ')}`,
      });
    for (const service of running.services)
      if (tried.includes('services') && !inspected.serviceNames.includes(service.name))
        report('services', `${service.name} is missing, and the zones that run may steer by it`);
  }
  for (const { name: service, ipv6Index = 0 } of inspected.config?.services.slice(
    0,
    running.services.length,
  ) ?? [])
    if (ipv6Index >= running.services.length)
      report('services', `${service}.ipv6 names a service that does not run: it cannot be tried`);
  if (inspected.config === undefined || problems.length > 0)
    throw new OperatorError('bad-config', problems.toSorted(byLine));
  const left = keys.filter((key) => !tried.some((part) => part === key));
  return { config: inspected.config, tried, left };
}

const byLine = ({ line: one = 0 }: Problem, { line: other = 0 }: Problem): number => one - other;

/** Those that run first, and as they come there: zones know services by their position. */
function inOrder(
  services: Readonly<Record<string, unknown>>,
  running: RunningConfig['services'],
): Record<string, unknown> {
  const known = running.map(({ name }) => name).filter((name) => Object.hasOwn(services, name));
  const first = known.map((name) => [name, services[name]] as const);
  return { ...Object.fromEntries(first), ...services };
}

function pick(from: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)));
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
