"""The paths of the HTTP API."""

from django.urls import path

from acme import views

urlpatterns = [
    path("_health/", views.health),
    path("api/silo/", views.silo),
    path("api/silos/", views.silos),
    path("api/organizations/", views.organizations),
    path("api/projects/", views.projects),
    path("api/events/", views.events),
    path("api/rpc/<slug:method>/", views.call),
]
