-- Run once by an administrator, with psql, on the server that GroundCT will use; docker-compose.yml does so when it
-- makes the server. The variable GROUNDCT_OWNER_PASSWORD holds the owner's password. The role groundct_api is made by
-- `groundct migrate`, which the owner may do because it has CREATEROLE.
\set ON_ERROR_STOP on
\getenv owner_password GROUNDCT_OWNER_PASSWORD
CREATE ROLE groundct_owner LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE DATABASE groundct OWNER groundct_owner ENCODING 'UTF8' TEMPLATE template0;
\connect groundct
CREATE EXTENSION vector;
