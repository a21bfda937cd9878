import type { Command } from './command.ts';

/** A command before it is loaded: `help` prints these without loading what the commands need. */
export interface TableRow {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** All commands, in the order in which the help lists them. */
export const COMMANDS: readonly TableRow[] = [
  {
    name: 'up',
    summary: 'run everything on this machine: name server, control loop, modelled POPs, console',
    load: async () => (await import('./up.ts')).upCommand,
  },
  {
    name: 'serve',
    summary: 'run a name server alone, on the images that the store or the disk has',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    name: 'control',
    summary: 'run the control loop alone; of several, one decides and the others stand by',
    load: async () => (await import('./control.ts')).controlCommand,
  },
  {
    name: 'agent',
    summary: 'run the agent of a POP: measure client networks from there, report its load',
    load: async () => (await import('./agent.ts')).agentCommand,
  },
  {
    name: 'pop',
    summary: 'run POPs alone: HTTPS servers, caches, the way to origins; they report to the store',
    load: async () => (await import('./pop.ts')).popCommand,
  },
  {
    name: 'check',
    summary: 'check a configuration and its zones; name every problem with file and line',
    load: async () => (await import('./check.ts')).checkCommand,
  },
  {
    name: 'zone',
    summary: 'what is done with zones: read files again, show changes, make keys, and more',
    load: async () => (await import('./zone.ts')).zoneCommand,
  },
  {
    name: 'import',
    summary: 'make a configuration out of that of gdnsd, BIND or Route 53; list what is lost',
    load: async () => (await import('./import.ts')).importCommand,
  },
  {
    name: 'ask',
    summary: 'ask a name server one question, as dig does, as a client anywhere',
    load: async () => (await import('./ask.ts')).askCommand,
  },
  {
    name: 'explain',
    summary: 'say which POP a client gets for a name, and why, in milliseconds',
    load: async () => (await import('./explain.ts')).explainCommand,
  },
  {
    name: 'status',
    summary: 'show the POPs, the table in use and the query rates of a running process',
    load: async () => (await import('./status.ts')).statusCommand,
  },
  {
    name: 'top',
    summary: 'show what is asked just now: names, POPs, who asks, response codes; live',
    load: async () => (await import('./top.ts')).topCommand,
  },
  {
    name: 'drain',
    summary: 'send new answers elsewhere than to a POP',
    load: async () => (await import('./drain.ts')).drainCommand,
  },
  {
    name: 'restore',
    summary: 'undo the drain of a POP',
    load: async () => (await import('./drain.ts')).restoreCommand,
  },
  {
    name: 'invalidate',
    summary: 'drop objects from the caches of the POPs',
    load: async () => (await import('./invalidate.ts')).invalidateCommand,
  },
  {
    name: 'trace',
    summary: 'show where each millisecond of a request goes, from the resolver to the last octet',
    load: async () => (await import('./trace.ts')).traceCommand,
  },
  {
    name: 'model',
    summary: 'make the modelled internet worse: RTT, loss, congestion, load or outage of a POP',
    load: async () => (await import('./model.ts')).modelCommand,
  },
  {
    name: 'clients',
    summary: 'list client networks of the modelled internet, and the addresses here that stand for them',
    load: async () => (await import('./clients.ts')).clientsCommand,
  },
  {
    name: 'simulate',
    summary: 'run the decisions against a world of round-trip times in simulated time; write a report',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
  {
    name: 'replay',
    summary: 'run a log of queries through another configuration, or without a POP; compare',
    load: async () => (await import('./replay.ts')).replayCommand,
  },
  {
    name: 'make-world',
    summary: 'make a world of round-trip times, from a seed, to try the decisions on',
    load: async () => (await import('./make-world.ts')).makeWorldCommand,
  },
  {
    name: 'acl',
    summary: 'print users for Redis, each with just the rights that its role needs',
    load: async () => (await import('./acl.ts')).aclCommand,
  },
  {
    name: 'docs',
    summary: 'write the reference page and the JSON Schema of the configuration',
    load: async () => (await import('./docs.ts')).docsCommand,
  },
  {
    name: 'completion',
    summary: 'print what has a shell complete commands, flags, files and POPs',
    load: async () => (await import('./completion.ts')).completionCommand(COMMANDS),
  },
];
