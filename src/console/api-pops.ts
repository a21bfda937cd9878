/** How objects are dropped from caches. */
export interface InvalidationsApi {
  /**
   * Drops objects from all caches of all POPs and regions: of one path (with its query), or with a trailing
   * `*` all that begin so; here at once, in other processes of the store as soon as they hear of it.
   */
  readonly invalidate: (wanted: {
    readonly pattern: string;
    readonly distribution?: string;
  }) => Promise<InvalidatedView>;
  /** Names of the distributions. */
  readonly distributions: readonly string[];
}

/** What an invalidation did. */
export interface InvalidatedView {
  /** Keys that were dropped here; absent: no POPs run here. */
  readonly dropped?: number;
  /** The POPs of other processes are told, through the store. */
  readonly others: boolean;
}

/** What can be asked of the POPs that run in this process. */
export interface PopsApi extends InvalidationsApi {
  /** How far everything is for a client, modelled. */
  readonly paths: (client: string) => Promise<NetworkPathsView>;
}

/** Modelled round trips between a client, the POPs, regional caches and origins. */
export interface NetworkPathsView {
  readonly client: { readonly address: string; readonly place: string };
  /** From the client to its own network's resolver, ms. */
  readonly resolverRttMs: number;
  /** Best first. */
  readonly pops: readonly PopPathView[];
  /** POP whose place stands for a region: where its cache is. */
  readonly regional: Readonly<Record<string, string>>;
  /** Region of each origin by its name; '' where nobody said. */
  readonly originRegions: Readonly<Record<string, string>>;
  /** TCP port of the POPs, and the authority that signed their certificate. */
  readonly port: number;
  readonly caFile: string;
}

/** A POP as a client has it. */
export interface PopPathView {
  readonly pop: string;
  readonly city: string;
  readonly region: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly link: string;
  readonly ipv4: string;
  /** Over that link, its queue and changes included, ms. */
  readonly rttMs: number;
}
