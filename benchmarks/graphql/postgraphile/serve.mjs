// One process that serves the views of `views.sql`, as PostGraphile's documentation sets up a server of Node's own.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { grafserv } from "postgraphile/grafserv/node";
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const [host, database, user, port] = process.argv.slice(2);
const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [
    makePgService({ poolConfig: { host, database, user, port: 5432, max: 16 }, schemas: ["bench"] }),
  ],
  grafserv: { port: Number(port), graphiql: false, watch: false },
  grafast: { explain: false },
};
const server = createServer();
const serv = postgraphile(preset).createServ(grafserv);
await serv.addTo(server);
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
