/** Who asks for what, over the last ten seconds, estimated from one query in sixteen. */
export interface DemandView {
  /** Queries a second of all. */
  readonly qps: number;
  /** Networks and services told apart. */
  readonly cells: number;
  /** Queries a second of those for which the tables had no room. */
  readonly overflowQps: number;
  /** The busiest first. */
  readonly rows: readonly DemandRow[];
}

/** What a client network asks of a service. */
export interface DemandRow {
  /** `Paris, FR`. */
  readonly place: string;
  /** The place's key in places.csv. */
  readonly key: string;
  /** 0: not known. */
  readonly asn: number;
  /** `203.0.113.0/24`: a network with a row of its own; absent: all others of the place and AS. */
  readonly network?: string;
  /** Absent: names that are not steered. */
  readonly service?: string;
  /** Queries a second. */
  readonly qps: number;
}
