-- Run by docker-compose.yml after create-database.sql: without a password nobody logs in as the superuser over the
-- network. `docker compose exec database psql -U postgres` still does, through the container's own socket.
ALTER ROLE CURRENT_USER PASSWORD NULL;
