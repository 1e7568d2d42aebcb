# PgBouncer as Debian 12 has it (1.18). Built by compose.yaml, from this folder; not built by an engine yet.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends pgbouncer \
    && rm -rf /var/lib/apt/lists/*
COPY pgbouncer.ini /etc/waybill/pgbouncer.ini
USER postgres
EXPOSE 6432
STOPSIGNAL SIGINT
# The list of users holds the password, so it is written when the container starts and stands in no image.
# A quote in a password is written twice there.
CMD ["sh", "-c", "umask 077 && printf '\"%s\" \"%s\"\\n' \"$DB_USER\" \"$(printf %s \"$DB_PASSWORD\" | sed 's/\"/\"\"/g')\" > /tmp/users.txt && exec pgbouncer /etc/waybill/pgbouncer.ini"]
