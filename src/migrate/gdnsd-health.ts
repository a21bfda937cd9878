import type { CheckDraft, Draft, Place } from './draft.ts';
import { get, type Hash, text, texts, type Value } from './vscf.ts';

/** What gdnsd's monitoring has where it says nothing: seconds and counts. */
const DEFAULTS = { interval: 10, upThresh: 20, downThresh: 10 } as const;

/** The service types of a configuration. */
export interface ServiceTypes {
  /**
   * Has a POP checked as its service types say: the first that can be; the others are told of. Whether it is
   * checked.
   */
  readonly carry: (pop: Checked, types: Value | undefined, place: Place) => boolean;
}

/** A POP, and what is checked of it. */
interface Checked {
  readonly code: string;
  readonly address: string;
}

/** Reads `service_types`. */
export function serviceTypes(config: Hash, draft: Draft): ServiceTypes {
  const types = get(config, 'service_types');
  return {
    carry: (pop, named, place) => {
      let isChecked = false;
      for (const name of named === undefined ? ['default'] : texts(named)) {
        const type = get(types, name);
        // `default` is `up` unless it is defined, and `up` is always up.
        if (name === 'up' || (type === undefined && name === 'default')) continue;
        const check = name === 'down' ? 'it is always down' : checkOf(type);
        if (check === undefined) continue;
        if (typeof check === 'string') draft.lost(type?.place ?? place, `service type ${name}`, check);
        else {
          draft.check(pop.code, name, check, place);
          isChecked = true;
        }
      }
      return isChecked;
    },
  };
}

/** The check that a service type is; a text says why there is none, undefined: it is always up. */
function checkOf(type: Value | undefined): CheckDraft | string | undefined {
  if (type === undefined) return 'it is not defined';
  const number = (key: string, fallback: number): number => Number(text(get(type, key)) ?? fallback);
  const interval = number('interval', DEFAULTS.interval);
  const own = {
    intervalMs: interval * 1000,
    timeoutMs: number('timeout', interval / 2) * 1000,
    downAfter: Math.min(100, number('down_thresh', DEFAULTS.downThresh)),
    upAfter: Math.min(100, number('up_thresh', DEFAULTS.upThresh)),
  };
  switch (text(get(type, 'plugin'))) {
    case 'http_status': {
      const codes = texts(get(type, 'ok_codes')).map(Number);
      const host = text(get(type, 'vhost'));
      return {
        kind: 'http',
        port: number('port', 80),
        ...own,
        path: text(get(type, 'url_path')) ?? '/',
        ...(host === undefined ? {} : { host }),
        status: codes.length === 0 ? [200] : codes,
      };
    }
    case 'tcp_connect':
      return { kind: 'tcp', port: number('port', 80), ...own };
    case 'static':
      return text(get(type, 'state'))?.toUpperCase() === 'DOWN' ? 'it is always down' : undefined;
    case 'null':
      return 'it is always down';
    case 'extmon':
      return 'external programs are not run: let the POP report, or check it by HTTP, TCP or DNS';
    case 'extfile':
      return 'states are not read from files: `isochrone drain` and `restore` set them, in scripts too';
    default:
      return `there is no check like ${text(get(type, 'plugin')) ?? 'one without a plugin'}`;
  }
}
