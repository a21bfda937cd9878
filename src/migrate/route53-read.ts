import { type Path, readYaml } from '../config/document.ts';
import type { Draft, Place } from './draft.ts';

/** A resource record set, as Route 53 prints it. */
export interface RecordSet {
  readonly Name: string;
  readonly Type: string;
  readonly TTL?: number;
  readonly ResourceRecords?: readonly { readonly Value: string }[];
  readonly AliasTarget?: {
    readonly DNSName: string;
    readonly EvaluateTargetHealth?: boolean;
  };
  readonly SetIdentifier?: string;
  readonly Weight?: number;
  readonly Region?: string;
  readonly Failover?: string;
  readonly GeoLocation?: {
    readonly ContinentCode?: string;
    readonly CountryCode?: string;
    readonly SubdivisionCode?: string;
  };
  readonly GeoProximityLocation?: {
    readonly AWSRegion?: string;
    readonly LocalZoneGroup?: string;
    readonly Coordinates?: { readonly Latitude: string; readonly Longitude: string };
    readonly Bias?: number;
  };
  readonly CidrRoutingConfig?: { readonly LocationName?: string };
  readonly MultiValueAnswer?: boolean;
  readonly HealthCheckId?: string;
  readonly TrafficPolicyInstanceId?: string;
}

/** How Route 53 checks an endpoint. */
export interface HealthCheckConfig {
  readonly Type?: string;
  readonly IPAddress?: string;
  readonly Port?: number;
  readonly ResourcePath?: string;
  readonly FullyQualifiedDomainName?: string;
  readonly SearchString?: string;
  readonly RequestInterval?: number;
  readonly FailureThreshold?: number;
  readonly Inverted?: boolean;
  readonly Disabled?: boolean;
}

/** A record set, and where it stands. */
export interface PlacedSet {
  readonly set: RecordSet;
  readonly place: Place;
}

/** What an export holds. */
export interface Export {
  readonly sets: readonly PlacedSet[];
  readonly checks: ReadonlyMap<string, HealthCheckConfig>;
}

/** What an export is read from: files and their texts. */
export type Texts = readonly { readonly file: string; readonly text: string }[];

/**
 * Reads what `aws route53 list-resource-record-sets` prints, a change batch, or a list of either; and of the
 * same files what `list-health-checks` prints. What has no such form is told of.
 */
export function readExport(texts: Texts, draft: Draft): Export {
  const sets: PlacedSet[] = [];
  const checks = new Map<string, HealthCheckConfig>();
  for (const { file, text } of texts) {
    // JSON is YAML, and that reader knows what stands on which line.
    const yaml = readYaml(text, file);
    const placeOf = (path: Path): Place => {
      const { line } = yaml.valuePlace(path);
      return { file, ...(line === undefined ? {} : { line }) };
    };
    for (const problem of yaml.problems)
      draft.lost({ file, line: problem.line ?? 1 }, 'the file', problem.message);
    if (!yaml.usable) continue;
    const addSet = (value: unknown, path: Path): void => {
      if (isRecordSet(value)) sets.push({ set: value, place: placeOf(path) });
      else draft.lost(placeOf(path), 'a record set', 'it has no Name and Type');
    };
    const read = (value: unknown, path: Path): void => {
      const parts = fields(value);
      const known = ['ResourceRecordSets', 'HealthChecks', 'Changes', 'ChangeBatch'];
      if (Array.isArray(value)) for (const [i, one] of value.entries()) read(one, [...path, i]);
      else if (isRecordSet(value)) addSet(value, path);
      else if (!known.some((key) => key in parts))
        draft.lost(placeOf(path), 'the document', `it has none of ${known.join(', ')}`);
      for (const [i, one] of list(parts['ResourceRecordSets']))
        addSet(one, [...path, 'ResourceRecordSets', i]);
      for (const [i, one] of list(parts['Changes']))
        if (fields(one)['Action'] !== 'DELETE')
          addSet(fields(one)['ResourceRecordSet'], [...path, 'Changes', i, 'ResourceRecordSet']);
      if ('ChangeBatch' in parts) read(parts['ChangeBatch'], [...path, 'ChangeBatch']);
      for (const [, one] of list(parts['HealthChecks'])) {
        const { Id: id, HealthCheckConfig: config } = fields(one);
        if (typeof id === 'string') checks.set(id, fields(config) as HealthCheckConfig);
      }
      if (parts['IsTruncated'] === true)
        draft.lost(placeOf([...path, 'IsTruncated']), 'further record sets', 'the export ends before them');
    };
    read(yaml.value, []);
  }
  return { sets, checks };
}

function isRecordSet(value: unknown): value is RecordSet {
  const { Name: name, Type: type } = fields(value);
  return typeof name === 'string' && typeof type === 'string';
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function list(value: unknown): [number, unknown][] {
  return Array.isArray(value) ? [...value.entries()] : [];
}
