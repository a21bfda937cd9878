declare module 'virtual:atlas' {
  /** Address of the borders of countries, as TopoJSON; written by src/console/build.ts. */
  export const atlasUrl: string;
}
