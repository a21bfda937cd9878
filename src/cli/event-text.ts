import type { NameServerEvent } from '../server/supervisor.ts';

/** What happened to a name server's threads, in words for the log. */
export function eventText(event: Exclude<NameServerEvent, { kind: 'notified' }>): string {
  switch (event.kind) {
    case 'worker-died':
      return `serving thread ${event.worker} died, starts again in ${event.restartInMs} ms: ${event.error}`;
    case 'worker-restarted':
      return `serving thread ${event.worker} answers again`;
    case 'worker-stuck':
      return `serving thread ${event.worker} does not end; another takes its place`;
    case 'spare-died':
      return `the thread that stands by died, starts again in ${event.restartInMs} ms: ${event.error}`;
    case 'query-of-death':
      return `${event.question} ended two serving threads: dropped for the next ${event.forMs / 1000} s`;
    case 'image-refused':
      return `serving thread ${event.worker} keeps what it has: ${event.reason}`;
    case 'mapper-died':
      return `the thread that builds tables died, starts again in ${event.restartInMs} ms: ${event.error}`;
    case 'table-refused':
      return `a table is refused: ${event.reason}`;
    case 'dropped':
      return `dropped: ${event.sample}`;
  }
}
