// Runs once, as the administrator, when the volume is empty. Collections and indexes are made by Floodmark itself.
const password = require("fs").readFileSync("/run/secrets/mongodb_floodmark_password", "utf8").trim();

// dbAdmin is for changing how long rollups are kept (collMod).
db.getSiblingDB("admin").createUser({
  user: "floodmark",
  pwd: password,
  roles: [
    { role: "readWrite", db: "floodmark" },
    { role: "dbAdmin", db: "floodmark" },
  ],
});
